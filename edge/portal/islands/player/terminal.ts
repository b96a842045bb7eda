// The player of terminals: wires the page's controls to a recording, its playback and the screen.

import { clock, offset, showBytes, span } from '../../format.ts';
import { visibleText } from '../../visible.ts';
import { Playback } from './playback.ts';
import { type CommandOutline, countUntil, type Stretch, TerminalRecording } from './terminal-recording.ts';
import { TerminalScreen } from './terminal-screen.ts';

const PLAY_SHAPE = 'M7 4v16l13-8z';
const PAUSE_SHAPE = 'M7 4h4v16H7zM14 4h4v16h-4z';
const WAITING = 'Waiting for more';
const STEP_US = 5_000_000;
/** Marks are drawn to this grain, so that a session of any length costs the same. */
const MARKS = 1000;
const MAX_BESIDE = 200;

export function playTerminal(player: HTMLElement): void {
  const part = <T extends Element>(id: string, kind: new () => T): T => {
    const found = document.getElementById(id);
    if (!(found instanceof kind)) throw new Error(`the player has no ${id}`);
    return found;
  };
  const play = part('play', HTMLButtonElement);
  const seek = part('seek', HTMLInputElement);
  const status = part('player-status', HTMLElement);
  const poster = part('stage-start', HTMLElement);
  const box = part('stage', HTMLElement);
  const tabs = part('lanes', HTMLElement);
  const address = player.dataset.replay ?? '';
  const live = player.dataset.liveSession === 'yes';
  const statedUs = Number(player.dataset.durationMs ?? '0') * 1000;

  const playback = new Playback(() => performance.now());
  const screen = new TerminalScreen(part('screen', HTMLElement));
  let recording = new TerminalRecording(address);
  let loading: Promise<void> | undefined;
  let lane: number | undefined;
  /** What is on the screen: so many events of a stretch. */
  let stretch: Stretch | undefined;
  let shown = 0;
  let fetching: Stretch | undefined;
  let wanted: number | undefined;
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
  const say = (words: string): void => {
    if (status.textContent !== words) status.textContent = words;
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
    box.setAttribute('aria-busy', 'true');
    say('Loading');
    try {
      await next.loadOutline(() => {
        recording = next;
        arrived();
      });
      stretch = undefined;
      if (status.textContent === 'Loading') say('');
      show();
    } catch {
      fail();
    } finally {
      box.setAttribute('aria-busy', 'false');
      paint();
    }
  }

  function arrived(): void {
    const endMs = Math.ceil(endUs() / 1000);
    seek.max = String(Math.max(1, endMs));
    part('duration', HTMLElement).textContent = clock(endMs);
    drawTabs();
    drawMarks();
    drawBeside();
    if (wanted !== undefined) {
      const command = recording.command(wanted);
      if (command && (recording.complete || command.finishedUs !== undefined)) {
        wanted = undefined;
        goTo(command);
      } else if (recording.complete) {
        say(`This recording has no command ${wanted}.`);
        wanted = undefined;
      }
    }
    show();
  }

  function drawTabs(): void {
    const lanes = [...recording.lanes.values()];
    const first = lanes.find(({ terminal }) => terminal) ?? lanes[0];
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
      const words = `${visibleText(label)}${terminal && lanes.length > 1 ? ' (terminal)' : ''}`;
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
    show();
    paint();
  }

  function drawMarks(): void {
    const at = { all: new Set<number>(), failed: new Set<number>() };
    for (const { timeUs, failed } of recording.commands)
      (failed ? at.failed : at.all).add(Math.round((timeUs / Math.max(1, endUs())) * MARKS));
    const path = (places: Set<number>) => [...places].map((place) => `M${place} 2v8`).join('');
    part('marks-statements', SVGPathElement).setAttribute('d', path(at.all));
    part('marks-errors', SVGPathElement).setAttribute('d', path(at.failed));
  }

  function drawBeside(): void {
    const list = part('happened-list', HTMLElement);
    const { beside } = recording;
    part('happened', HTMLElement).hidden = beside.length === 0;
    for (const event of beside.slice(list.children.length, MAX_BESIDE)) {
      const item = document.createElement('li');
      const at = document.createElement('span');
      at.className = 'offset';
      at.textContent = offset(event.timeUs);
      const words = document.createElement('bdi');
      words.textContent = visibleText(besideWords(event));
      item.append(at, ' ', words);
      list.append(item);
    }
  }

  function besideWords(event: TerminalRecording['beside'][number]): string {
    if (event.kind === 'notice') return `${event.severity}: ${event.message}`;
    if (event.kind === 'file') return `${event.direction} ${event.path}, ${showBytes(event.size)}`;
    const moved = event.bytes ? `, ${showBytes(event.bytes.client + event.bytes.target)} went over it` : '';
    return `lane ${event.lane} closed${event.note === undefined ? '' : `: ${event.note}`}${moved}`;
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
        screen.begin(wantedStretch.keyframe, wantedStretch.keyframe.screen, plain);
      }
      shown = 0;
    }
    for (; shown < count; shown++) {
      const event = wantedStretch.events[shown];
      if (event?.kind === 'output') screen.write(event.text);
      if (event?.kind === 'resize') screen.resize(event);
    }
    screen.draw();
    if (screen.failed) say('The terminal of this page cannot show what follows; the downloads have it.');
    // The next one comes while this one plays.
    const next = recording.stretch(wantedStretch.lane, wantedStretch.index + 1);
    if (next && !next.complete && playback.playing) fetchStretch(next);
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
    const ms = Math.round(us / 1000);
    show();
    seek.value = String(ms);
    seek.setAttribute('aria-valuetext', `${clock(ms)} of ${clock(endUs() / 1000)}`);
    part('position', HTMLElement).textContent = offset(us).slice(0, -2);
    poster.hidden = stretch !== undefined || loading !== undefined;
    part('play-shape', SVGPathElement).setAttribute('d', playback.playing ? PAUSE_SHAPE : PLAY_SHAPE);
    play.setAttribute('aria-label', playback.playing ? 'Pause' : 'Play');
    markInList((chosen ?? lastCommand(us))?.action);
  }

  function lastCommand(us: number): CommandOutline | undefined {
    const begun = recording.commands.filter(({ timeUs }) => timeUs <= us);
    return begun.at(-1);
  }

  let listed: Element | null = null;
  function markInList(action: number | undefined): void {
    const item = action === undefined ? null : document.getElementById(`command-${action}`);
    if (item === listed) return;
    listed?.classList.remove('statement-now');
    item?.classList.add('statement-now');
    listed = item;
  }

  function frame(): void {
    if (!playback.playing) return;
    // Nothing to tick against while its output is on its way.
    if (stretch?.complete) {
      const tick = playback.tick(known);
      if (tick.kind === 'skipped') say(`Skipped ${span(tick.us / 1000)} of idle time`);
      else if (tick.kind === 'waiting') goOn();
      else if (tick.kind === 'moved' && status.textContent === WAITING) say('Playing');
      else if (tick.kind === 'ended') say(endWords());
    }
    chosen = undefined;
    paint();
    if (playback.playing) requestAnimationFrame(frame);
  }

  /** At the end of a stretch: the next one is shown as soon as it is there. */
  function goOn(): void {
    const next = stretch && recording.stretch(stretch.lane, stretch.index + 1);
    if (!next?.complete) say(WAITING);
  }

  function endWords(): string {
    if (recording.damaged) return `The recording is damaged from here on. ${visibleText(recording.damaged.message)}`;
    if (live) return 'That is all up to now. Press play for what came since.';
    return recording.ended ? `Session ended. ${visibleText(recording.ended.message)}` : 'The end';
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
    playback.seek(Math.max(0, Math.min(us, endUs())));
    void load();
    paint();
  }

  /** Playing goes on from its start; while paused, its output is shown with it. */
  function goTo(command: CommandOutline): void {
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

  function jump(action: number): void {
    wanted = action;
    void load();
    arrived();
    player.scrollIntoView({ block: 'nearest' });
    player.focus({ preventScroll: true });
  }

  const jumpToHash = (): void => {
    const action = /^#command-(\d{1,9})$/.exec(location.hash)?.[1];
    if (action !== undefined) jump(Number(action));
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
    if (own?.role === 'tab' && event.key.startsWith('Arrow')) {
      event.preventDefault();
      moveTab(event.key === 'ArrowRight' ? 1 : -1);
      return;
    }
    // Space presses buttons and ticks boxes; arrows choose a speed. The seek bar is ours.
    const theirs =
      event.key === ' ' ? own && own !== seek : event.key.startsWith('Arrow') && own?.matches('[type=radio]');
    const act = keys[event.key];
    if (!act || theirs) return;
    event.preventDefault();
    act();
  });
  function moveTab(by: 1 | -1): void {
    const all = [...tabs.children];
    const next = all[(all.findIndex((tab) => tab.id === `lane-${lane}`) + by + all.length) % all.length];
    if (!(next instanceof HTMLButtonElement)) return;
    next.click();
    next.focus();
  }
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
    if (event.target instanceof HTMLInputElement && event.target.name === 'speed')
      playback.setSpeed(Number(event.target.value));
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
