// The cards on the page: a window over the recording that ends at the position. However long the
// session, at most MAX_CARDS stand in the document.

import { addEvent, drawCard } from './draw.ts';
import type { Recording } from './recording.ts';

const MAX_CARDS = 160;
/** Cards drawn around a place that was jumped to, and added when the viewer scrolls up. */
const FEW_CARDS = 40;
/** Within so many pixels of the bottom, the stage follows what happens. */
const FOLLOW_PX = 90;

export class Stage {
  readonly #box: HTMLElement;
  readonly #list: HTMLElement;
  readonly #recording: Recording;
  /** Cards [low, high) are drawn. */
  #low = 0;
  #high = 0;
  /** Events that have happened. */
  #shown = 0;
  #now: Element | undefined;

  constructor(box: HTMLElement, list: HTMLElement, recording: Recording) {
    this.#box = box;
    this.#list = list;
    this.#recording = recording;
    box.addEventListener('scroll', () => this.#extendUp(), { passive: true });
  }

  /** Shows the first `shown` events; steps forward where it can, draws anew where it must. */
  show(shown: number): void {
    if (shown === this.#shown) return;
    const back = shown < this.#shown;
    const cards = this.#recording.begun[shown - 1] ?? 0;
    if (back || cards - this.#high > FEW_CARDS) {
      this.#redraw(shown);
      return;
    }
    const follow = this.#box.scrollHeight - this.#box.scrollTop - this.#box.clientHeight < FOLLOW_PX;
    for (let index = this.#shown; index < shown; index++) this.#step(index);
    this.#shown = shown;
    // A reader who scrolled up is left in peace, within bounds.
    if (!follow && this.#high - this.#low < 4 * MAX_CARDS) return;
    while (this.#high - this.#low > MAX_CARDS) {
      this.#list.firstElementChild?.remove();
      this.#low++;
    }
    this.#box.scrollTop = this.#box.scrollHeight;
  }

  #step(index: number): void {
    const at = this.#recording.cardOf[index] ?? 0;
    const card = this.#recording.cards[at];
    if (!card || at < this.#low) return;
    if (at < this.#high) {
      const item = this.#list.children[at - this.#low];
      if (item instanceof HTMLLIElement) addEvent(item, this.#recording, index);
    } else {
      this.#list.append(drawCard(this.#recording, card, index + 1));
      this.#high = at + 1;
    }
  }

  #redraw(shown: number): void {
    this.#shown = shown;
    this.#high = this.#recording.begun[shown - 1] ?? 0;
    this.#low = Math.max(0, this.#high - FEW_CARDS);
    const cards = this.#recording.cards.slice(this.#low, this.#high);
    this.#list.replaceChildren(...cards.map((card) => drawCard(this.#recording, card, shown)));
    this.#box.scrollTop = this.#box.scrollHeight;
  }

  #extendUp(): void {
    if (this.#low === 0 || this.#box.scrollTop > 120 || this.#high - this.#low >= MAX_CARDS) return;
    const from = Math.max(0, this.#low - FEW_CARDS);
    const heightBefore = this.#box.scrollHeight;
    const cards = this.#recording.cards.slice(from, this.#low);
    this.#list.prepend(...cards.map((card) => drawCard(this.#recording, card, this.#shown)));
    this.#low = from;
    this.#box.scrollTop += this.#box.scrollHeight - heightBefore;
  }

  /** A card of which more is known than when it was drawn. */
  redraw(at: number): void {
    const [card, item] = [this.#recording.cards[at], this.#list.children[at - this.#low]];
    if (!card || !item || at < this.#low || at >= this.#high) return;
    const follows = this.#box.scrollHeight - this.#box.scrollTop - this.#box.clientHeight < FOLLOW_PX;
    const drawn = drawCard(this.#recording, card, this.#shown);
    if (item === this.#now) {
      drawn.classList.add('shown-now');
      this.#now = drawn;
    }
    item.replaceWith(drawn);
    if (follows) this.#box.scrollTop = this.#box.scrollHeight;
  }

  /** Marks the card as the one that is looked at, and brings it into sight when asked. */
  mark(card: number | undefined, reveal: boolean): void {
    const item = card === undefined ? undefined : this.#list.children[card - this.#low];
    if (item !== this.#now) {
      this.#now?.classList.remove('shown-now');
      item?.classList.add('shown-now');
      this.#now = item;
    }
    if (reveal && item instanceof HTMLElement) {
      const below = item.offsetTop + item.offsetHeight - this.#box.clientHeight;
      if (item.offsetTop < this.#box.scrollTop || below > this.#box.scrollTop) {
        this.#box.scrollTop = Math.min(item.offsetTop - 8, Math.max(0, below + 8));
      }
    }
  }
}
