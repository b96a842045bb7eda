// What every player has on its page: the controls, the keys, and the links of the list beside it that lead to a moment. What is played, and how it looks, each player knows for itself.

import { clock, offset } from '../../../../core/text/amounts.ts';
import type { Playback } from './playback.ts';

const PLAY_SHAPE = 'M7 4v16l13-8z';
const PAUSE_SHAPE = 'M7 4h4v16H7zM14 4h4v16h-4z';
const STEP_US = 5_000_000;
/** How long after its moment an answer is shown with what was found. */
export const WITH_ANSWER_US = 1_000_000;

/** Where to stand as soon as that much has arrived. One at a time: what was asked for last. */
export type Aim =
  /** Later than all that is known: of a live session the length is not. */
  | { readonly to: 'time'; readonly us: number }
  | { readonly to: 'action'; readonly action: number }
  /** `action`: where it is one. */
  | { readonly to: 'found'; readonly us: number; readonly action: number | undefined };

/** `?at=12.345`, seconds cut to the millisecond, as microseconds at which what is meant has begun. */
function momentIn(search: string): number | undefined {
  const at = new URLSearchParams(search).get('at') ?? '';
  return /^\d{1,9}(\.\d{1,6})?$/.test(at) ? Number(at) * 1_000_000 + 1000 : undefined;
}

/** What somebody may do with the controls. */
interface Acts {
  toggle(): void;
  seekTo(us: number): void;
  step(direction: 1 | -1): void;
  /** To the action with this number. */
  jump(action: number): void;
  /** To where a search found something, `action` where it is one; a little later where its answer came. While paused. */
  openAt(us: number, action: number | undefined): void;
  /** To the next marker of those that are looked at. */
  stepMarker(direction: 1 | -1): void;
  find(): void;
  /** A key that is the player's own alone; true: it is taken. */
  key?(event: KeyboardEvent, control: Element | null): boolean;
}

export class Controls {
  readonly box = this.part('stage', HTMLElement);
  readonly poster = this.part('stage-start', HTMLElement);
  readonly #player: HTMLElement;
  /** Of the ids of the list's items: `statement-7`. */
  readonly #items: string;
  readonly #play = this.part('play', HTMLButtonElement);
  readonly #playShape = this.part('play-shape', SVGPathElement);
  readonly #seek = this.part('seek', HTMLInputElement);
  readonly #status = this.part('player-status', HTMLElement);
  readonly #position = this.part('position', HTMLElement);
  #listed: Element | null = null;

  constructor(player: HTMLElement, items: 'statement' | 'command') {
    this.#player = player;
    this.#items = items;
  }

  /** An element of the page that the player cannot be without. */
  part<T extends Element>(id: string, kind: new () => T): T {
    const found = document.getElementById(id);
    if (!(found instanceof kind)) throw new Error(`the player has no ${id}`);
    return found;
  }

  get status(): string {
    return this.#status.textContent;
  }

  say(words: string): void {
    if (this.#status.textContent !== words) this.#status.textContent = words;
  }

  showLength(endUs: number): void {
    const endMs = Math.ceil(endUs / 1000);
    const most = String(Math.max(1, endMs));
    if (this.#seek.max === most) return;
    this.#seek.max = most;
    this.part('duration', HTMLElement).textContent = clock(endMs);
  }

  /** `action`: the number of the one that the position is at. */
  showPosition(us: number, endUs: number, playing: boolean, action: number | undefined): void {
    const ms = Math.round(us / 1000);
    this.#seek.value = String(ms);
    this.#seek.setAttribute('aria-valuetext', `${clock(ms)} of ${clock(endUs / 1000)}`);
    this.#position.textContent = offset(us).slice(0, -2);
    this.#playShape.setAttribute('d', playing ? PAUSE_SHAPE : PLAY_SHAPE);
    this.#play.setAttribute('aria-label', playing ? 'Pause' : 'Play');
    const item = action === undefined ? null : document.getElementById(`${this.#items}-${action}`);
    if (item === this.#listed) return;
    this.#listed?.classList.remove('statement-now');
    item?.classList.add('statement-now');
    this.#listed = item;
  }

  /** From then on the page's controls act, and the address's own moment is jumped to. Once. */
  begin(acts: Acts, playback: Playback): void {
    const player = this.#player;
    const moveTo = (move: () => void): void => {
      move();
      this.#bringIntoSight();
      player.focus({ preventScroll: true });
    };
    const moveToAddress = (): void => {
      const [items, number] = /^#(\w+)-(\d{1,9})$/.exec(location.hash)?.slice(1) ?? [];
      const action = items === this.#items ? Number(number) : undefined;
      const atUs = momentIn(location.search);
      if (atUs !== undefined) moveTo(() => acts.openAt(atUs, action));
      else if (action !== undefined) moveTo(() => acts.jump(action));
    };
    this.#listenToKeys(acts, playback);
    this.#play.addEventListener('click', acts.toggle);
    this.part('stage-play', HTMLButtonElement).addEventListener('click', () => {
      acts.toggle();
      this.#play.focus();
    });
    this.part('previous', HTMLButtonElement).addEventListener('click', () => acts.step(-1));
    this.part('next', HTMLButtonElement).addEventListener('click', () => acts.step(1));
    this.#seek.addEventListener('input', () => acts.seekTo(Number(this.#seek.value) * 1000));
    this.part('skip-idle', HTMLInputElement).addEventListener('change', (event) => {
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
      const chosen = new URL(link.href);
      chosen.searchParams.delete('at');
      history.pushState(null, '', chosen);
      moveTo(() => acts.jump(Number(link.dataset.jump)));
    });
    addEventListener('hashchange', moveToAddress);
    addEventListener('popstate', moveToAddress);
    player.hidden = false;
    moveToAddress();
    if (document.activeElement === player) this.#staySoUntilLoaded();
  }

  /** Beside the list it stays where it is seen; above it, or higher than the window, it is shown from its screen on. */
  #bringIntoSight(): void {
    const player = this.#player;
    const beside = getComputedStyle(player).position === 'sticky' && player.offsetHeight <= innerHeight;
    player.scrollIntoView({ block: beside ? 'nearest' : 'start' });
  }

  /**
   * Until a page has loaded the browser scrolls to what the fragment names: to the list, which on a narrow screen is far
   * below the player. Whoever scrolled by then stays where they are.
   */
  #staySoUntilLoaded(): void {
    if (document.readyState === 'complete') return;
    const moved = new AbortController();
    for (const kind of ['wheel', 'touchmove', 'pointerdown', 'keydown'])
      addEventListener(kind, () => moved.abort(), { signal: moved.signal, passive: true });
    const again = (): void => {
      if (!moved.signal.aborted) this.#bringIntoSight();
    };
    // The browser's own last time comes with the frame behind the load.
    const afterFrame = (): number => requestAnimationFrame(() => requestAnimationFrame(again));
    addEventListener('load', afterFrame, { once: true, signal: moved.signal });
  }

  #listenToKeys(acts: Acts, playback: Playback): void {
    const keys: Readonly<Record<string, () => void>> = {
      ' ': acts.toggle,
      ArrowLeft: () => acts.seekTo(playback.positionUs - STEP_US),
      ArrowRight: () => acts.seekTo(playback.positionUs + STEP_US),
      j: () => acts.step(1),
      k: () => acts.step(-1),
      n: () => acts.stepMarker(1),
      p: () => acts.stepMarker(-1),
      '/': acts.find,
    };
    this.#player.addEventListener('keydown', (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !(event.target instanceof Element)) return;
      const own = event.target.closest('button, input, summary');
      if (own?.matches('[type=search]')) return;
      if (acts.key?.(event, own)) {
        event.preventDefault();
        return;
      }
      // Space presses buttons and ticks boxes; arrows choose a speed. The seek bar is ours.
      const theirs =
        event.key === ' ' ? own && own !== this.#seek : event.key.startsWith('Arrow') && own?.matches('[type=radio]');
      const act = keys[event.key];
      if (!act || theirs) return;
      event.preventDefault();
      act();
    });
  }
}
