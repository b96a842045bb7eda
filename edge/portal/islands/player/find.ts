// Finding something in the session that is looked at: what the search index says of it, each hit a way to its moment.

import type { SearchHit, SearchPage } from '../../../../core/search/page.ts';
import { offset } from '../../../../core/text/amounts.ts';
import type { Controls } from './controls.ts';
import { h, marked } from './elements.ts';

export class Find {
  readonly #page: Controls;
  readonly #address: string;
  readonly #goTo: (hit: SearchHit) => void;
  readonly #hits: HTMLElement;
  readonly #more: HTMLButtonElement;
  #asked = '';
  #cursor: string | undefined;
  /** Which question was asked last: an answer that comes late is not shown. */
  #turn = 0;

  constructor(page: Controls, address: string, goTo: (hit: SearchHit) => void) {
    this.#page = page;
    this.#address = address;
    this.#goTo = goTo;
    this.#hits = page.part('find-hits', HTMLElement);
    this.#more = page.part('find-more', HTMLButtonElement);
    page.part('find', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      this.#asked = this.#input.value.trim();
      this.#cursor = undefined;
      this.#hits.replaceChildren();
      this.#more.hidden = true;
      if (this.#asked === '') this.#say('');
      else void this.#ask();
    });
    this.#more.addEventListener('click', () => void this.#ask());
  }

  focus(): void {
    this.#input.focus();
    this.#input.select();
  }

  get #input(): HTMLInputElement {
    return this.#page.part('find-query', HTMLInputElement);
  }

  async #ask(): Promise<void> {
    const turn = ++this.#turn;
    this.#say('Searching');
    const query = new URLSearchParams({ q: this.#asked, ...(this.#cursor !== undefined && { cursor: this.#cursor }) });
    const answer = await ask(`${this.#address}?${query}`);
    if (turn !== this.#turn) return;
    if (typeof answer === 'string') {
      this.#say(answer);
      return;
    }
    const { hits, cursor } = answer;
    this.#hits.append(...hits.map((hit) => this.#item(hit)));
    this.#cursor = cursor;
    this.#more.hidden = cursor === undefined;
    const found = this.#hits.children.length;
    const words = found === 0 ? 'Nothing' : `${found.toLocaleString('en')}${cursor === undefined ? '' : ' or more'}`;
    this.#say(`${words} found, the newest first.`);
  }

  #item(hit: SearchHit): HTMLLIElement {
    const words = h('bdi', '');
    let at = 0;
    for (const [from, to] of hit.marks) {
      words.append(...marked(hit.snippet.slice(at, from)), h('mark', '', ...marked(hit.snippet.slice(from, to))));
      at = to;
    }
    words.append(...marked(hit.snippet.slice(at)));
    const button = h('button', 'marker', h('span', 'offset', offset(hit.moment * 1e6)), words);
    button.type = 'button';
    button.addEventListener('click', () => this.#goTo(hit));
    return h('li', '', button);
  }

  #say(words: string): void {
    this.#page.part('find-status', HTMLElement).textContent = words;
  }
}

/** What was wrong, in words, or the answer. */
async function ask(address: string): Promise<SearchPage | string> {
  try {
    const response = await fetch(address, { redirect: 'error', headers: { accept: 'application/json' } });
    const body = (await response.json()) as SearchPage | { error: { message: string } };
    return 'error' in body ? body.error.message : body;
  } catch {
    return 'The index cannot be asked just now. Try again in a moment.';
  }
}
