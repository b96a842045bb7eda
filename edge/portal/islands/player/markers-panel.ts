// What is marked in a session: on the time bar, and as a list that says the same. Both can be narrowed to some kinds. However
// many there are, the bar has so many places, and the list is read by pages.

import type { Silence } from '../../../../core/replay/idle.ts';
import { MARKER_KINDS, type MarkerKind } from '../../../../core/replay/marker-kinds.ts';
import { type Marker, type Markers, markerNoun, barPlaces, stepMarker } from '../../../../core/replay/markers.ts';
import { count, offset, span } from '../../../../core/text/amounts.ts';
import type { Controls } from './controls.ts';
import { h, outside } from './elements.ts';

/** The bar's grain. */
const PLACES = 1000;
const A_PAGE = 100;
/** Of the bar's 12 units of height, from where to where each kind is drawn. */
const HEIGHTS: Readonly<Partial<Record<MarkerKind, readonly [top: number, height: number]>>> = {
  action: [6, 6],
  error: [2, 10],
  refusal: [0, 12],
};
const HEIGHT = [0, 5] as const;

export class MarkersPanel {
  readonly #page: Controls;
  readonly #noun: { readonly one: string; readonly many: string };
  readonly #goTo: (marker: Marker) => void;
  readonly #unwanted = new Set<MarkerKind>();
  #markers: Markers | undefined;
  #idle: readonly Silence[] = [];
  #endUs = 0;
  /** The one that was gone to, until time moves on. */
  #at: Marker | undefined;
  #first = 0;

  constructor(page: Controls, action: string, goTo: (marker: Marker) => void) {
    this.#page = page;
    this.#noun = { one: action, many: `${action}s` };
    this.#goTo = goTo;
    const turn = (by: number) => () => {
      this.#first += by;
      this.#drawList();
    };
    page.part('markers-earlier', HTMLButtonElement).addEventListener('click', turn(-A_PAGE));
    page.part('markers-later', HTMLButtonElement).addEventListener('click', turn(A_PAGE));
    page.part('markers', HTMLDetailsElement).addEventListener('toggle', () => this.#drawList());
  }

  /** As far as is known now. */
  show(markers: Markers, idle: readonly Silence[], endUs: number): void {
    this.#markers = markers;
    this.#idle = idle;
    this.#endUs = endUs;
    const sum = MARKER_KINDS.reduce((sum, kind) => sum + markers.counts[kind], 0);
    this.#page.part('markers', HTMLElement).hidden = sum === 0;
    this.#page.part('markers-count', HTMLElement).textContent = sum.toLocaleString('en');
    this.#drawKinds();
    this.#drawBar();
    this.#drawList();
  }

  /** To the next one of the kinds that are looked at. false: there is none. */
  step(direction: 1 | -1, positionUs: number): boolean {
    const wanted = new Set(MARKER_KINDS.filter((kind) => !this.#unwanted.has(kind)));
    const found = stepMarker(this.#markers?.all ?? [], wanted, { at: this.#at, positionUs }, direction);
    if (found) this.#go(found);
    return found !== undefined;
  }

  /** Time has moved on from the one that was gone to. */
  leave(): void {
    if (!this.#at) return;
    this.#at = undefined;
    this.#page.part('markers-list', HTMLElement).querySelector('[aria-current]')?.removeAttribute('aria-current');
  }

  #go(marker: Marker): void {
    this.#goTo(marker);
    this.#at = marker;
    const index = this.#shown().indexOf(marker);
    if (index < this.#first || index >= this.#first + A_PAGE) this.#first = Math.floor(index / A_PAGE) * A_PAGE;
    this.#drawList();
  }

  #shown(): readonly Marker[] {
    return (this.#markers?.all ?? []).filter(({ kind }) => !this.#unwanted.has(kind));
  }

  #drawKinds(): void {
    const box = this.#page.part('markers-kinds', HTMLElement);
    for (const kind of MARKER_KINDS) {
      const amount = this.#markers?.counts[kind] ?? 0;
      if (amount === 0) continue;
      const words = ` ${amount.toLocaleString('en')} ${markerNoun(kind, this.#noun)[amount === 1 ? 'one' : 'many']}`;
      const known = box.querySelector(`[data-kind="${kind}"]`);
      if (known?.lastChild) {
        known.lastChild.textContent = words;
        continue;
      }
      const tick = h('input', '');
      tick.type = 'checkbox';
      tick.checked = true;
      tick.addEventListener('change', () => {
        if (tick.checked) this.#unwanted.delete(kind);
        else this.#unwanted.add(kind);
        this.#first = 0;
        this.#drawBar();
        this.#drawList();
      });
      const label = h('label', 'check', tick, words);
      label.dataset.kind = kind;
      box.append(label);
    }
  }

  #drawBar(): void {
    const markers = this.#markers;
    if (!markers) return;
    for (const kind of MARKER_KINDS) {
      const [top, height] = HEIGHTS[kind] ?? HEIGHT;
      const all = this.#unwanted.has(kind) ? [] : spansOf(markers, kind);
      const middle = top + height / 2;
      const runs = barPlaces(all, this.#endUs, PLACES);
      const drawn = runs.map(([from, to]) =>
        kind === 'hold' && to > from ? `M${from} ${middle}H${to}` : ticks(from, to, top, height),
      );
      this.#page.part(`marks-${kind}`, SVGPathElement).setAttribute('d', drawn.join(''));
    }
    const quiet = barPlaces(this.#idle, this.#endUs, PLACES).filter(([from, to]) => to > from);
    const idle = quiet.map(([from, to]) => `M${from} 11H${to}`).join('');
    this.#page.part('marks-idle', SVGPathElement).setAttribute('d', idle);
    const sum = this.#idle.reduce((sum, { fromUs, untilUs }) => sum + untilUs - fromUs, 0);
    this.#page.part('idle-words', HTMLElement).textContent =
      sum === 0 ? '' : `idle ${span(sum / 1000)} in ${count(this.#idle.length, 'silence')}`;
  }

  #drawList(): void {
    const page = this.#page;
    if (!page.part('markers', HTMLDetailsElement).open) return;
    const shown = this.#shown();
    this.#first = Math.max(0, Math.min(this.#first, Math.floor((shown.length - 1) / A_PAGE) * A_PAGE));
    const items = shown.slice(this.#first, this.#first + A_PAGE).map((marker) => this.#item(marker));
    const more = this.#markers?.more ?? 0;
    const isLast = this.#first + A_PAGE >= shown.length;
    if (isLast && more > 0)
      items.push(h('li', 'dim', `${count(more, 'more is', 'more are')} on the bar and not listed.`));
    const list = page.part('markers-list', HTMLElement);
    list.replaceChildren(...items);
    page.part('markers-earlier', HTMLElement).hidden = this.#first === 0;
    page.part('markers-later', HTMLElement).hidden = isLast;
    const now = list.querySelector('[aria-current]');
    if (now instanceof HTMLElement) list.scrollTop = now.offsetTop - list.offsetTop - list.clientHeight / 2;
  }

  #item(marker: Marker): HTMLLIElement {
    const { kind, timeUs, untilUs, action, words } = marker;
    const number = action === undefined ? '' : `${action}: `;
    const lasted = untilUs === undefined ? '' : ` (until ${offset(untilUs)})`;
    const button = h(
      'button',
      'marker',
      h('span', 'offset', offset(timeUs)),
      h('span', `marker-kind marker-${kind}`, markerNoun(kind, this.#noun).one),
      h('span', '', number, outside(words), lasted),
    );
    button.type = 'button';
    if (marker === this.#at) button.setAttribute('aria-current', 'true');
    button.addEventListener('click', () => this.#go(marker));
    return h('li', '', button);
  }
}

/** One for all that stands at a place. */
function ticks(from: number, to: number, top: number, height: number): string {
  let drawn = '';
  for (let place = from; place <= to; place++) drawn += `M${place} ${top}v${height}`;
  return drawn;
}

function* spansOf(markers: Markers, kind: MarkerKind): Generator<Silence> {
  for (const marker of markers.all)
    if (marker.kind === kind) yield { fromUs: marker.timeUs, untilUs: marker.untilUs ?? marker.timeUs };
  for (const { of, fromUs, timeUs } of markers.together) if (of === kind) yield { fromUs, untilUs: timeUs };
}
