// The player of statements: wires the page's controls to a recording, its playback and the stage.

import { clock, offset, span } from '../../format.ts';
import { Playback } from './playback.ts';
import { receive, Recording } from './recording.ts';
import { Stage } from './stage.ts';

const PLAY_SHAPE = 'M7 4v16l13-8z';
const PAUSE_SHAPE = 'M7 4h4v16H7zM14 4h4v16h-4z';
const WAITING = 'Waiting for more';
const STEP_US = 5_000_000;
/** Marks are drawn to this grain, so that a session of any length costs the same. */
const MARKS = 1000;
const MARKS_EVERY_MS = 250;

export function playStatements(player: HTMLElement): void {
  const part = <T extends Element>(id: string, kind: new () => T): T => {
    const found = document.getElementById(id);
    if (!(found instanceof kind)) throw new Error(`the player has no ${id}`);
    return found;
  };
  const play = part('play', HTMLButtonElement);
  const playShape = part('play-shape', SVGPathElement);
  const seek = part('seek', HTMLInputElement);
  const status = part('player-status', HTMLElement);
  const position = part('position', HTMLElement);
  const poster = part('stage-start', HTMLElement);
  const box = part('stage', HTMLElement);

  const recording = new Recording();
  const playback = new Playback(() => performance.now());
  const stage = new Stage(box, part('transcript', HTMLElement), recording);
  const live = player.dataset.liveSession === 'yes';
  const statedUs = Number(player.dataset.durationMs ?? '0') * 1000;
  /** The card that was stepped or jumped to, until time moves on. */
  let chosen: number | undefined;
  /** A statement to jump to as soon as it has arrived. */
  let wanted: number | undefined;
  let loading = false;
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

  const say = (words: string): void => {
    if (status.textContent !== words) status.textContent = words;
  };

  async function load(): Promise<void> {
    if (loading || recording.complete) return;
    loading = true;
    box.setAttribute('aria-busy', 'true');
    say('Loading');
    // What was received before a failure, or before a live session went on, is not taken twice.
    let skip = recording.events.length;
    try {
      const response = await fetch(player.dataset.replay ?? '', { redirect: 'error' });
      if (!response.ok || !response.body) throw new Error(String(response.status));
      await receive(response.body, (events) => {
        for (const { event, characters } of events) {
          if (skip > 0) skip--;
          else recording.add(event, characters);
        }
        arrived();
      });
      recording.complete = true;
      arrived();
      if (status.textContent === 'Loading') say('');
    } catch {
      playback.pause();
      say('The replay cannot be loaded just now. Press play to try again.');
    } finally {
      loading = false;
      box.setAttribute('aria-busy', 'false');
      paint();
    }
  }

  function arrived(): void {
    const endMs = Math.ceil(known.endUs / 1000);
    if (Number(seek.max) !== Math.max(1, endMs)) {
      seek.max = String(Math.max(1, endMs));
      part('duration', HTMLElement).textContent = clock(endMs);
    }
    if (performance.now() - marksDrawnMs > MARKS_EVERY_MS || recording.complete) drawMarks();
    if (wanted !== undefined) {
      const card = recording.cardOfStatement(wanted);
      // Its answer stands behind it: wait until something later has arrived.
      if (card !== undefined && (recording.complete || card < recording.cards.length - 1)) {
        wanted = undefined;
        goTo(card, true);
      } else if (recording.complete) {
        say(`This recording has no statement ${wanted}.`);
        wanted = undefined;
      }
    }
  }

  function drawMarks(): void {
    marksDrawnMs = performance.now();
    const at = { all: new Set<number>(), failed: new Set<number>() };
    for (const card of recording.cards) {
      if (card.statement === undefined) continue;
      const place = Math.round((card.timeUs / Math.max(1, known.endUs)) * MARKS);
      (card.failed ? at.failed : at.all).add(place);
    }
    const path = (places: Set<number>) => [...places].map((place) => `M${place} 2v8`).join('');
    part('marks-statements', SVGPathElement).setAttribute('d', path(at.all));
    part('marks-errors', SVGPathElement).setAttribute('d', path(at.failed));
  }

  /** The card that the position is at. */
  function current(): number | undefined {
    if (chosen !== undefined) return chosen;
    const begun = recording.begun[recording.countUntil(playback.positionUs) - 1] ?? 0;
    return begun > 0 ? begun - 1 : undefined;
  }

  function paint(reveal = false): void {
    const us = Math.min(playback.positionUs, known.endUs);
    const ms = Math.round(us / 1000);
    stage.show(recording.countUntil(us));
    const card = current();
    stage.mark(card, reveal);
    seek.value = String(ms);
    seek.setAttribute('aria-valuetext', `${clock(ms)} of ${clock(known.endUs / 1000)}`);
    position.textContent = offset(us).slice(0, -2);
    poster.hidden = recording.events.length > 0 || loading;
    playShape.setAttribute('d', playback.playing ? PAUSE_SHAPE : PLAY_SHAPE);
    play.setAttribute('aria-label', playback.playing ? 'Pause' : 'Play');
    markInList(card === undefined ? undefined : recording.cards[card]?.statement);
  }

  let listed: Element | null = null;
  function markInList(statement: number | undefined): void {
    const item = statement === undefined ? null : document.getElementById(`statement-${statement}`);
    if (item === listed) return;
    listed?.classList.remove('statement-now');
    item?.classList.add('statement-now');
    listed = item;
  }

  function frame(): void {
    if (!playback.playing) return;
    const before = recording.countUntil(playback.positionUs);
    const tick = playback.tick(known);
    if (tick.kind === 'skipped') say(`Skipped ${span(tick.us / 1000)} of idle time`);
    else if (tick.kind === 'waiting') say(WAITING);
    else if (tick.kind === 'moved' && status.textContent === WAITING) say('Playing');
    else if (tick.kind === 'ended') {
      say(live ? 'That is all up to now. Press play for what came since.' : 'The end');
    }
    if (chosen !== undefined && recording.countUntil(playback.positionUs) > before) chosen = undefined;
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
    playback.seek(Math.min(us, known.endUs));
    void load();
    paint();
  }

  /** Playing goes on from the statement's start; while paused, its answer is shown with it. */
  function goTo(index: number, reveal: boolean): void {
    const card = recording.cards[index];
    if (!card) return;
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

  function jump(statement: number): void {
    wanted = statement;
    void load();
    arrived();
    player.scrollIntoView({ block: 'nearest' });
    player.focus({ preventScroll: true });
  }

  const jumpToHash = (): void => {
    const statement = /^#statement-(\d{1,9})$/.exec(location.hash)?.[1];
    if (statement !== undefined) jump(Number(statement));
  };

  const keys: Readonly<Record<string, () => void>> = {
    ' ': toggle,
    ArrowLeft: () => seekTo(playback.positionUs - STEP_US),
    ArrowRight: () => seekTo(playback.positionUs + STEP_US),
    j: () => step(1),
    k: () => step(-1),
  };
  player.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.target instanceof Element)) return;
    const own = event.target.closest('button, input, summary');
    // Space presses buttons and ticks boxes; arrows choose a speed. The seek bar is ours.
    const theirs =
      event.key === ' ' ? own && own !== seek : event.key.startsWith('Arrow') && own?.matches('[type=radio]');
    const act = keys[event.key];
    if (!act || theirs) return;
    event.preventDefault();
    act();
  });
  play.addEventListener('click', toggle);
  part('stage-play', HTMLButtonElement).addEventListener('click', () => {
    toggle();
    play.focus();
  });
  part('previous', HTMLButtonElement).addEventListener('click', () => step(-1));
  part('next', HTMLButtonElement).addEventListener('click', () => step(1));
  seek.addEventListener('input', () => seekTo(Number(seek.value) * 1000));
  part('skip-idle', HTMLInputElement).addEventListener('change', (event) => {
    if (event.target instanceof HTMLInputElement) playback.skipIdle = event.target.checked;
  });
  player.addEventListener('change', (event) => {
    if (event.target instanceof HTMLInputElement && event.target.name === 'speed') {
      playback.setSpeed(Number(event.target.value));
    }
  });
  document.addEventListener('click', (event) => {
    const link = event.target instanceof Element ? event.target.closest<HTMLAnchorElement>('a[data-jump]') : null;
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    history.pushState(null, '', link.hash);
    jump(Number(link.dataset.jump));
  });
  addEventListener('hashchange', jumpToHash);
  addEventListener('popstate', jumpToHash);

  player.hidden = false;
  jumpToHash();
}
