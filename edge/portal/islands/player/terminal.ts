// The player of terminals: wires the page's controls to a recording, its playback and the screen.

import type { Marker } from '../../../../core/replay/markers.ts';
import { offset, span } from '../../../../core/text/amounts.ts';
import { onLines } from '../../../../core/text/written-text.ts';
import { type Aim, Controls, WITH_ANSWER_US } from './controls.ts';
import { Find } from './find.ts';
import { MarkersPanel } from './markers-panel.ts';
import { Playback } from './playback.ts';
import { type CommandOutline, countUntil, type Stretch, TerminalRecording } from './terminal-recording.ts';
import { TerminalScreen } from './terminal-screen.ts';

const WAITING = 'Waiting for more';
const MARKS_EVERY_MS = 250;

export function playTerminal(player: HTMLElement): void {
  const page = new Controls(player, 'command');
  const say = (words: string): void => page.say(words);
  const tabs = page.part('lanes', HTMLElement);
  const address = player.dataset.replay ?? '';
  const live = player.dataset.liveSession === 'yes';
  const statedUs = Number(player.dataset.durationMs ?? '0') * 1000;

  const playback = new Playback(() => performance.now());
  const screen = new TerminalScreen(page.part('screen', HTMLElement));
  let recording = new TerminalRecording(address);
  let loading: Promise<void> | undefined;
  let lane: number | undefined;
  /** What is on the screen: so many events of a stretch. */
  let stretch: Stretch | undefined;
  let shown = 0;
  let fetching: Stretch | undefined;
  let aim: Aim | undefined;
  /** A lane to show as soon as it is known. */
  let wantedLane: number | undefined;
  let marksDrawnMs = Number.NEGATIVE_INFINITY;
  /** The command that was jumped to, until time moves on. */
  let chosen: CommandOutline | undefined;

  const endUs = (): number => Math.max(recording.endUs, live ? 0 : statedUs);
  const known = {
    get times() {
      return stretch?.times ?? [];
    },
    get endUs() {
      return endUs();
    },
    get complete() {
      return stretch?.complete === true && recording.isLast(stretch);
    },
    countUntil: (us: number) => countUntil(stretch?.times ?? [], us),
  };
  const fail = (): void => {
    playback.pause();
    say('The replay cannot be loaded just now. Press play to try again.');
    paint();
  };

  function load(): Promise<void> {
    loading ??= loadOutline().finally(() => {
      loading = undefined;
    });
    return loading;
  }

  async function loadOutline(): Promise<void> {
    if (recording.complete) return;
    // What was received before a failure, or before a live session went on, is made anew.
    const next = new TerminalRecording(address);
    page.box.setAttribute('aria-busy', 'true');
    say('Loading');
    try {
      await next.loadOutline(() => {
        recording = next;
        arrived();
      });
      stretch = undefined;
      if (page.status === 'Loading') say('');
      show();
    } catch {
      fail();
    } finally {
      page.box.setAttribute('aria-busy', 'false');
      paint();
    }
  }

  function arrived(): void {
    page.showLength(endUs());
    drawTabs();
    if (performance.now() - marksDrawnMs > MARKS_EVERY_MS || recording.complete) drawMarks();
    if (aim && (recording.complete || isThere(aim))) {
      const reached = aim;
      aim = undefined;
      stand(reached);
    }
    show();
  }

  function isThere(at: Aim): boolean {
    switch (at.to) {
      case 'time':
        return at.us <= endUs();
      case 'action':
        return recording.command(at.action)?.finishedUs !== undefined;
      case 'found':
        return recording.endUs > at.us + WITH_ANSWER_US;
    }
  }

  function stand(at: Aim): void {
    if (at.to === 'time') seekTo(at.us);
    else if (at.to === 'found') standAtFound(at);
    else {
      const command = recording.command(at.action);
      if (command) goTo(command);
      else say(`This recording has no command ${at.action}.`);
    }
  }

  function standAtFound({ us, action }: Extract<Aim, { to: 'found' }>): void {
    const command = action === undefined ? undefined : recording.command(action);
    if (command && recording.lanes.has(command.lane)) lane = command.lane;
    stretch = undefined;
    drawTabs();
    playback.seek(Math.min(Math.max(us, command?.finishedUs ?? us), us + WITH_ANSWER_US, endUs()));
    chosen = command;
    say(command ? `Command ${command.action}` : '');
    paint();
  }

  function drawMarks(): void {
    marksDrawnMs = performance.now();
    panel.show(recording.markers, recording.idleOf(lane), endUs());
  }

  function drawTabs(): void {
    const lanes = [...recording.lanes.values()];
    const first = lanes.find(({ terminal }) => terminal) ?? lanes[0];
    if (wantedLane !== undefined && recording.lanes.has(wantedLane)) {
      lane = wantedLane;
      wantedLane = undefined;
    }
    if (lane === undefined || !recording.lanes.has(lane)) lane = first?.number;
    tabs.hidden = lanes.length < 2;
    lanes.forEach(({ number, label, terminal }, index) => {
      const known = tabs.children[index];
      const tab = known instanceof HTMLButtonElement ? known : document.createElement('button');
      if (!known) {
        tab.type = 'button';
        tab.role = 'tab';
        tab.id = `lane-${number}`;
        tab.setAttribute('aria-controls', 'stage');
        tab.addEventListener('click', () => choose(number));
        tabs.append(tab);
      }
      const words = `${onLines(label)}${terminal && lanes.length > 1 ? ' (terminal)' : ''}`;
      if (tab.textContent !== words) tab.textContent = words;
      tab.title = words;
      tab.setAttribute('aria-selected', String(number === lane));
      tab.tabIndex = number === lane ? 0 : -1;
    });
  }

  function choose(number: number): void {
    lane = number;
    stretch = undefined;
    drawTabs();
    drawMarks();
    show();
    paint();
  }

  /** Brings the screen to the position, as far as its output is there; asks for what is not. */
  function show(): void {
    if (lane === undefined) return;
    const us = Math.min(playback.positionUs, endUs());
    // While it plays, a stretch is left only at its end: two keyframes may have the same time.
    const stays = stretch && stretch.lane === lane && stretch.complete && staysIn(stretch, us);
    const wantedStretch = stays ? stretch : recording.at(lane, us);
    if (!wantedStretch) return;
    if (!wantedStretch.complete) {
      fetchStretch(wantedStretch);
      return;
    }
    const count = Math.min(countUntil(wantedStretch.times, us), wantedStretch.events.length);
    if (wantedStretch !== stretch || count < shown) {
      const before = stretch;
      const follows =
        before?.lane === lane && before.index + 1 === wantedStretch.index && shown === before.events.length;
      stretch = wantedStretch;
      if (!follows || count < shown) {
        const plain = !recording.lanes.get(lane)?.terminal;
        screen.begin(wantedStretch.keyframe, wantedStretch.screen, plain);
      }
      shown = 0;
    }
    for (; shown < count; shown++) {
      const event = wantedStretch.events[shown];
      if (event?.kind === 'output') screen.write(event.text);
      if (event?.kind === 'resize') screen.resize(event);
    }
    screen.draw(!playback.playing);
    if (screen.failed) say('The terminal of this page cannot show what follows; the downloads have it.');
    else if (wantedStretch.cutUs !== undefined && us > wantedStretch.cutUs) say(cutWords(wantedStretch));
    else if (screen.simplified) say('So large a screen is drawn in part without its colours; the downloads have them.');
    // The next one comes while this one plays.
    const next = recording.stretch(wantedStretch.lane, wantedStretch.index + 1);
    if (next && !next.complete && playback.playing) fetchStretch(next);
  }

  function cutWords({ lane: number, index }: Stretch): string {
    const next = recording.lanes.get(number)?.keyframes[index + 1];
    const again = next ? `It is shown again from ${offset(next.timeUs)} on, and the downloads` : 'The downloads';
    return `What follows is too much to be loaded here. ${again} have all of it.`;
  }

  function staysIn({ index, lane: number, keyframe }: Stretch, us: number): boolean {
    const next = recording.lanes.get(number)?.keyframes[index + 1];
    return us >= keyframe.timeUs && (next === undefined || us < next.timeUs);
  }

  function fetchStretch(asked: Stretch): void {
    if (fetching) return;
    fetching = asked;
    const from = recording;
    from
      .load(asked)
      .then(
        () => {
          if (recording === from) show();
        },
        () => fail(),
      )
      .finally(() => {
        fetching = undefined;
        paint();
      });
  }

  function paint(): void {
    const us = Math.min(playback.positionUs, endUs());
    show();
    page.poster.hidden = stretch !== undefined || loading !== undefined;
    page.showPosition(us, endUs(), playback.playing, (chosen ?? lastCommand(us))?.action);
  }

  function lastCommand(us: number): CommandOutline | undefined {
    const begun = recording.commands.filter(({ timeUs }) => timeUs <= us);
    return begun.at(-1);
  }

  function frame(): void {
    if (!playback.playing) return;
    // Nothing to tick against while its output is on its way.
    if (stretch?.complete) {
      const tick = playback.tick(known);
      if (tick.kind === 'skipped') say(`Skipped ${span(tick.us / 1000)} of idle time`);
      else if (tick.kind === 'waiting') goOn();
      else if (tick.kind === 'moved' && page.status === WAITING) say('Playing');
      else if (tick.kind === 'ended') say(endWords());
    }
    chosen = undefined;
    panel.leave();
    paint();
    if (playback.playing) requestAnimationFrame(frame);
  }

  /** At the end of a stretch: the next one is shown as soon as it is there. */
  function goOn(): void {
    const next = stretch && recording.stretch(stretch.lane, stretch.index + 1);
    if (!next?.complete) say(WAITING);
  }

  function endWords(): string {
    if (recording.damaged) return `The recording is damaged from here on. ${onLines(recording.damaged.message)}`;
    if (live) return 'That is all up to now. Press play for what came since.';
    return recording.ended ? `Session ended. ${onLines(recording.ended.message)}` : 'The end';
  }

  function toggle(): void {
    if (playback.playing) {
      playback.pause();
      say('Paused');
    } else {
      const atEnd = recording.complete && playback.positionUs >= endUs();
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
    aim = us > endUs() && !recording.complete ? { to: 'time', us } : undefined;
    playback.seek(Math.max(0, Math.min(us, endUs())));
    void load();
    paint();
  }

  /** Playing goes on from its start; while paused, its output is shown with it. */
  function goTo(command: CommandOutline): void {
    aim = undefined;
    if (recording.lanes.has(command.lane)) lane = command.lane;
    stretch = undefined;
    drawTabs();
    const { timeUs, finishedUs, form } = command;
    playback.seek(playback.playing || form === 'shell' ? timeUs : (finishedUs ?? timeUs));
    chosen = command;
    say(`Command ${command.action}`);
    paint();
  }

  function step(direction: 1 | -1): void {
    void load();
    const from = chosen ?? lastCommand(playback.positionUs);
    const index = from ? recording.commands.indexOf(from) + direction : 0;
    const command = recording.commands[index];
    if (command) goTo(command);
  }

  function aimAt(at: Aim): void {
    aim = at;
    void load();
    arrived();
  }

  const jump = (action: number): void => aimAt({ to: 'action', action });
  const openAt = (us: number, action: number | undefined): void => aimAt({ to: 'found', us, action });

  /** Arrows choose among terminals where one is focused. */
  function key(event: KeyboardEvent, control: Element | null): boolean {
    if (control?.role !== 'tab' || !event.key.startsWith('Arrow')) return false;
    const by = event.key === 'ArrowRight' ? 1 : -1;
    const all = [...tabs.children];
    const next = all[(all.findIndex((tab) => tab.id === `lane-${lane}`) + by + all.length) % all.length];
    if (!(next instanceof HTMLButtonElement)) return true;
    next.click();
    next.focus();
    return true;
  }

  /** The screen as it was then; a command as by its number. */
  function goToMarker(marker: Marker): void {
    const command = marker.action === undefined ? undefined : recording.command(marker.action);
    if (marker.kind === 'action' && command) goTo(command);
    else goToMoment(marker.timeUs, marker.lane);
  }

  /** On that lane, when it has something to show. */
  function goToMoment(us: number, number: number | undefined): void {
    wantedLane = number;
    stretch = undefined;
    drawTabs();
    seekTo(us);
    say(offset(us));
  }

  const panel = new MarkersPanel(page, 'command', goToMarker);
  const find = new Find(page, player.dataset.search ?? '', ({ kind, action, lane: number, moment }) => {
    if (kind === 'command' && action !== undefined) jump(action);
    else goToMoment(moment * 1e6, number);
  });
  function stepMarker(direction: 1 | -1): void {
    void load();
    if (!panel.step(direction, playback.positionUs)) say('No more markers that way.');
  }

  page.begin({ toggle, seekTo, step, jump, openAt, key, stepMarker, find: () => find.focus() }, playback);
}
