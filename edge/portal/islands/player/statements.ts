// The player of statements: wires the page's controls to a recording, its playback and the stage.

import { isSeenIdle, type Silence } from '../../../../core/replay/idle.ts';
import { type Marker, Markers } from '../../../../core/replay/markers.ts';
import { offset, span } from '../../../../core/text/amounts.ts';
import { type Aim, Controls, WITH_ANSWER_US } from './controls.ts';
import { Find } from './find.ts';
import { MarkersPanel } from './markers-panel.ts';
import { Playback } from './playback.ts';
import type { ReplayEvent } from '../../../../core/catalogue.ts';
import { receive, Recording } from './recording.ts';
import { Stage } from './stage.ts';

const WAITING = 'Waiting for more';
const MARKS_EVERY_MS = 250;

export function playStatements(player: HTMLElement): void {
  const page = new Controls(player, 'statement');
  const say = (words: string): void => page.say(words);

  const address = player.dataset.replay ?? '';
  const recording = new Recording();
  const markers = new Markers();
  const idle: Silence[] = [];
  const playback = new Playback(() => performance.now());
  const stage = new Stage(page.box, page.part('transcript', HTMLElement), recording);
  const live = player.dataset.liveSession === 'yes';
  const statedUs = Number(player.dataset.durationMs ?? '0') * 1000;
  /** The card that was stepped or jumped to, until time moves on. */
  let chosen: number | undefined;
  let aim: Aim | undefined;
  let loading = false;
  /** Not asked for again by themselves: they could not be had, or too much came since to keep them. */
  const askedRows = new Set<number>();
  /** Of an event: its rows are on their way. */
  let fetchingRows: number | undefined;
  let marksDrawnMs = Number.NEGATIVE_INFINITY;

  const known = {
    times: recording.times,
    get endUs() {
      return Math.max(recording.lastUs, live ? 0 : statedUs);
    },
    get complete() {
      return recording.complete;
    },
    countUntil: (us: number) => recording.countUntil(us),
  };

  async function load(): Promise<void> {
    if (loading || recording.complete) return;
    loading = true;
    page.box.setAttribute('aria-busy', 'true');
    say('Loading');
    // What was received before a failure, or before a live session went on, is not taken twice.
    let skip = recording.events.length;
    try {
      const response = await fetch(`${address}?part=outline`, { redirect: 'error' });
      if (!response.ok || !response.body) throw new Error(String(response.status));
      await receive(response.body, (events) => {
        for (const { event, characters } of events) {
          if (skip > 0) skip--;
          else take(event, characters);
        }
        arrived();
      });
      recording.complete = true;
      arrived();
      if (page.status === 'Loading') say('');
    } catch {
      playback.pause();
      say('The replay cannot be loaded just now. Press play to try again.');
    } finally {
      loading = false;
      page.box.setAttribute('aria-busy', 'false');
      paint();
    }
  }

  function take(event: ReplayEvent, characters: number): void {
    const fromUs = recording.lastUs;
    recording.add(event, characters);
    markers.add(event);
    const silence = { fromUs, untilUs: recording.lastUs };
    if (isSeenIdle(silence)) idle.push(silence);
  }

  /** One at a time: while it plays, those of the statement that is shown when the ones before have come. */
  async function loadRows(index: number): Promise<void> {
    const event = recording.events[index];
    if (fetchingRows !== undefined || event?.kind !== 'rows' || event.cursor === undefined) return;
    fetchingRows = index;
    askedRows.add(index);
    try {
      const asked = new URLSearchParams({ cursor: event.cursor });
      const response = await fetch(`${address}?${asked}`, { redirect: 'error' });
      if (!response.ok || !response.body) throw new Error(String(response.status));
      let came = false;
      await receive(response.body, (events) => {
        for (const { event: rows, characters } of events) {
          if (rows.kind !== 'rows') continue;
          recording.fill(index, rows, characters);
          came = true;
        }
      });
      if (!came) throw new Error('no rows');
      stage.redraw(recording.cardOf[index] ?? -1);
    } catch {
      say('The rows of this statement cannot be loaded just now.');
    } finally {
      fetchingRows = undefined;
      paint();
    }
  }

  function loadRowsOf(card: number | undefined): void {
    const shown = recording.countUntil(playback.positionUs);
    const left = recording.cards[card ?? -1]?.events.find((index) => {
      const event = recording.events[index];
      return index < shown && !askedRows.has(index) && event?.kind === 'rows' && event.cursor !== undefined;
    });
    if (left !== undefined) void loadRows(left);
  }

  function arrived(): void {
    page.showLength(known.endUs);
    if (performance.now() - marksDrawnMs > MARKS_EVERY_MS || recording.complete) drawMarks();
    if (!aim || !(recording.complete || isThere(aim))) return;
    const reached = aim;
    aim = undefined;
    stand(reached);
  }

  function isThere(at: Aim): boolean {
    switch (at.to) {
      case 'time':
        return at.us <= known.endUs;
      case 'action':
        // Its answer stands behind it: wait until something later has arrived.
        return (recording.cardOfStatement(at.action) ?? Infinity) < recording.cards.length - 1;
      case 'found':
        return recording.lastUs > at.us + WITH_ANSWER_US;
    }
  }

  function stand(at: Aim): void {
    if (at.to === 'time') seekTo(at.us);
    else if (at.to === 'found') standAtFound(at);
    else {
      const index = recording.cardOfStatement(at.action);
      if (index === undefined) say(`This recording has no statement ${at.action}.`);
      else goTo(index, true);
    }
  }

  function standAtFound({ us, action }: Extract<Aim, { to: 'found' }>): void {
    const index = action === undefined ? undefined : recording.cardOfStatement(action);
    const answered = index === undefined ? undefined : recording.cards[index]?.events.at(-1);
    const answeredUs = Math.max(us, recording.times[answered ?? -1] ?? us);
    chosen = index;
    playback.seek(Math.min(answeredUs, us + WITH_ANSWER_US, known.endUs));
    say(index === undefined ? '' : `Statement ${action}`);
    paint(true);
  }

  function drawMarks(): void {
    marksDrawnMs = performance.now();
    panel.show(markers, idle, known.endUs);
    // Whoever waits for a moment sees it as soon as it is there.
    if (!playback.playing) paint();
  }

  /** The card that the position is at. */
  function current(): number | undefined {
    if (chosen !== undefined) return chosen;
    const begun = recording.begun[recording.countUntil(playback.positionUs) - 1] ?? 0;
    return begun > 0 ? begun - 1 : undefined;
  }

  function paint(reveal = false): void {
    const us = Math.min(playback.positionUs, known.endUs);
    stage.show(recording.countUntil(us));
    const card = current();
    stage.mark(card, reveal);
    loadRowsOf(card);
    page.poster.hidden = recording.events.length > 0 || loading;
    const statement = card === undefined ? undefined : recording.cards[card]?.statement;
    page.showPosition(us, known.endUs, playback.playing, statement);
  }

  function frame(): void {
    if (!playback.playing) return;
    const before = recording.countUntil(playback.positionUs);
    const tick = playback.tick(known);
    if (tick.kind === 'skipped') say(`Skipped ${span(tick.us / 1000)} of idle time`);
    else if (tick.kind === 'waiting') say(WAITING);
    else if (tick.kind === 'moved' && page.status === WAITING) say('Playing');
    else if (tick.kind === 'ended') {
      say(live ? 'That is all up to now. Press play for what came since.' : 'The end');
    }
    if (chosen !== undefined && recording.countUntil(playback.positionUs) > before) chosen = undefined;
    panel.leave();
    paint();
    if (playback.playing) requestAnimationFrame(frame);
  }

  function toggle(): void {
    if (playback.playing) {
      playback.pause();
      say('Paused');
    } else {
      const atEnd = recording.complete && playback.positionUs >= known.endUs;
      if (atEnd && live) recording.complete = false;
      else if (atEnd) playback.seek(0);
      chosen = undefined;
      playback.play();
      say('Playing');
      requestAnimationFrame(frame);
      void load();
    }
    paint();
  }

  function seekTo(us: number): void {
    chosen = undefined;
    panel.leave();
    aim = us > known.endUs && !recording.complete ? { to: 'time', us } : undefined;
    playback.seek(Math.min(us, known.endUs));
    void load();
    paint();
  }

  /** Playing goes on from the statement's start; while paused, its answer is shown with it. */
  function goTo(index: number, reveal: boolean): void {
    const card = recording.cards[index];
    if (!card) return;
    aim = undefined;
    chosen = index;
    const lastEvent = card.events.at(-1);
    playback.seek(playback.playing ? card.timeUs : (recording.times[lastEvent ?? 0] ?? card.timeUs));
    say(card.statement === undefined ? '' : `Statement ${card.statement}`);
    paint(reveal);
  }

  function step(direction: 1 | -1): void {
    void load();
    const from = current() ?? -1;
    for (let index = from + direction; index >= 0 && index < recording.cards.length; index += direction) {
      if (recording.cards[index]?.statement === undefined) continue;
      goTo(index, true);
      return;
    }
  }

  function aimAt(at: Aim): void {
    aim = at;
    void load();
    arrived();
  }

  const jump = (action: number): void => aimAt({ to: 'action', action });
  const openAt = (us: number, action: number | undefined): void => aimAt({ to: 'found', us, action });

  /** As it was then. A statement is shown with its answer, as by its number. */
  function goToMarker({ kind, timeUs, action }: Marker): void {
    const card = action === undefined ? undefined : recording.cardOfStatement(action);
    if (kind === 'action' && card !== undefined) {
      goTo(card, true);
      return;
    }
    seekTo(timeUs);
    chosen = card;
    say(offset(timeUs));
    paint(true);
  }

  const panel = new MarkersPanel(page, 'statement', goToMarker);
  const find = new Find(page, player.dataset.search ?? '', ({ kind, action, moment }) => {
    if (kind === 'statement' && action !== undefined) jump(action);
    else seekTo(moment * 1e6);
  });
  page.box.addEventListener('click', ({ target }) => {
    const asked = target instanceof HTMLElement ? target.dataset.rows : undefined;
    if (asked !== undefined) void loadRows(Number(asked));
  });
  function stepMarker(direction: 1 | -1): void {
    void load();
    if (!panel.step(direction, playback.positionUs)) say('No more markers that way.');
  }

  page.begin({ toggle, seekTo, step, jump, openAt, stepMarker, find: () => find.focus() }, playback);
}
