// Parts of a page that keep themselves fresh: `data-live` names an address that answers with the
// part as it stands now, as the server renders it. Each of its elements with an id takes the place
// of the one with the same id; in a list of statements only what is new or changed is touched.

import { announce } from './announce.ts';

const SLOWEST_MS = 60_000;
const running = new WeakSet<HTMLElement>();

export function keepFresh(region: HTMLElement, enliven: (root: ParentNode) => void): void {
  const address = region.dataset.live;
  const everyMs = Number(region.dataset.liveEvery ?? '5000');
  if (!address || running.has(region)) return;
  running.add(region);
  let waitMs = everyMs;
  let last = '';

  const look = async (): Promise<void> => {
    if (!region.isConnected || region.dataset.live !== address) return;
    if (!document.hidden) {
      const text = await fetchPart(address);
      // Signed out or unreachable: ask less often, and leave what is shown.
      waitMs = text === undefined ? Math.min(waitMs * 2, SLOWEST_MS) : everyMs;
      if (text !== undefined && text !== last) {
        last = text;
        update(region, new DOMParser().parseFromString(text, 'text/html'), enliven);
      }
    }
    setTimeout(look, waitMs);
  };
  setTimeout(look, everyMs);
}

async function fetchPart(address: string): Promise<string | undefined> {
  try {
    const response = await fetch(address, { redirect: 'error' });
    // What was given for a time is over: the page itself says what to do now, and shows no more of it.
    if (response.status === 403) location.reload();
    return response.ok ? await response.text() : undefined;
  } catch {
    return undefined;
  }
}

function update(region: HTMLElement, fresh: Document, enliven: (root: ParentNode) => void): void {
  if (region.classList.contains('statements')) {
    updateStatements(region, fresh, enliven);
    return;
  }
  for (const part of [...fresh.body.children]) {
    const old = document.getElementById(part.id);
    if (!old) continue;
    enliven(part);
    const focused = old.contains(document.activeElement) ? document.activeElement : null;
    const href = focused?.getAttribute('href');
    old.replaceWith(document.adoptNode(part));
    if (part instanceof HTMLElement && part.dataset.live && !running.has(part)) keepFresh(part, enliven);
    if (href) part.querySelector<HTMLElement>(`[href="${CSS.escape(href)}"]`)?.focus({ preventScroll: true });
  }
}

function updateStatements(region: HTMLElement, fresh: Document, enliven: (root: ParentNode) => void): void {
  const from = fresh.body.firstElementChild;
  const items = from?.querySelector('ol.statement-list');
  if (!(from instanceof HTMLElement) || !items) return;
  let list = region.querySelector(':scope > ol.statement-list');
  if (!list) {
    list = document.createElement('ol');
    list.className = 'statement-list';
    region.prepend(list);
  }
  const follow = region.closest<HTMLElement>('[data-follow]');
  const atEnd = follow !== null && isAtEnd(follow);
  let added = 0;
  for (const item of [...items.children]) {
    const old = list.querySelector(`:scope > #${CSS.escape(item.id)}`);
    if (!old) {
      list.append(item);
      added++;
    } else if (old.innerHTML !== item.innerHTML) old.replaceWith(item);
  }
  if (added > 0) announce(added === 1 ? 'A new statement' : `${added} new statements`);
  // Full, or over: this part is done, and the next one goes on where it ends.
  if (from.dataset.live === undefined) delete region.dataset.live;
  const next = from.querySelector<HTMLElement>(':scope > .statements');
  if (next && !region.querySelector(':scope > .statements')) {
    region.append(next);
    enliven(region);
  }
  if (follow && atEnd) showEnd(follow);
}

/** A list that follows its newest entry: for as long as the reader is at its end. */
export function showEnd(list: HTMLElement): void {
  list.scrollTop = list.scrollHeight;
}

/** The last entry may be cut off a little. */
const NEARLY_PX = 40;
const isAtEnd = (list: HTMLElement): boolean => list.scrollHeight - list.scrollTop - list.clientHeight < NEARLY_PX;
