// What every page gains from scripts: times in the reader's own words, countdowns, copy buttons,
// lists that keep themselves fresh, colours without a reload. Pages work without all of it.

import { span } from '../../../core/text/amounts.ts';
import { announce } from './announce.ts';
import { keepFresh, showEnd } from './live.ts';

function enliven(root: ParentNode): void {
  for (const time of root.querySelectorAll<HTMLTimeElement>('time[data-time]')) localise(time);
  for (const button of root.querySelectorAll<HTMLButtonElement>('button[data-copy]')) button.hidden = false;
  for (const region of root.querySelectorAll<HTMLElement>('[data-live]')) keepFresh(region, enliven);
}

function localise(time: HTMLTimeElement): void {
  const moment = new Date(time.dateTime);
  if (Number.isNaN(moment.getTime())) return;
  time.title = time.dateTime;
  time.textContent = moment.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
}

const SOON_MS = 5 * 60_000;

function countDown(): void {
  for (const time of document.querySelectorAll<HTMLTimeElement>('time[data-until]')) {
    const leftMs = Date.parse(time.dateTime) - Date.now();
    time.textContent = leftMs > 0 ? `${span(leftMs)} left` : 'Ended';
    time.classList.toggle('soon', leftMs < SOON_MS);
  }
}

async function copy(button: HTMLButtonElement): Promise<void> {
  const source = document.getElementById(button.dataset.copy ?? '');
  if (!source) return;
  try {
    await navigator.clipboard.writeText(source.textContent ?? '');
    button.textContent = 'Copied';
    announce('Copied');
    setTimeout(() => {
      button.textContent = 'Copy';
    }, 2000);
  } catch {
    // No permission, or a page without TLS: leave the text selected for the keyboard.
    getSelection()?.selectAllChildren(source);
    announce('Selected: copy with the keyboard');
  }
}

const THEMES = ['auto', 'dark', 'light'] as const;
const THEME_WORDS = {
  auto: 'Colours follow the system. Switch to dark',
  dark: 'Colours are dark. Switch to light',
  light: 'Colours are light. Follow the system',
} as const;

/** Shows the next colours at once and lets the server remember them. */
async function switchTheme(form: HTMLFormElement): Promise<void> {
  const root = document.documentElement;
  const at = (THEMES as readonly (string | undefined)[]).indexOf(root.dataset.theme);
  const theme = THEMES[(at + 1) % THEMES.length] ?? 'auto';
  root.dataset.theme = theme;
  const button = form.querySelector('button');
  if (button) {
    button.value = THEMES[(at + 2) % THEMES.length] ?? 'auto';
    button.title = THEME_WORDS[theme];
    button.setAttribute('aria-label', THEME_WORDS[theme]);
  }
  await fetch(form.action, { method: 'POST', body: new URLSearchParams({ theme }), redirect: 'manual' });
}

document.addEventListener('click', (event) => {
  const button = event.target instanceof Element ? event.target.closest<HTMLButtonElement>('button[data-copy]') : null;
  if (button) void copy(button);
  const account = document.querySelector<HTMLDetailsElement>('details.account[open]');
  if (account && event.target instanceof Node && !account.contains(event.target)) account.open = false;
});
document.addEventListener('submit', (event) => {
  if (event.target instanceof HTMLFormElement && event.target.dataset.themeForm !== undefined) {
    event.preventDefault();
    void switchTheme(event.target);
  }
});
document.addEventListener('keydown', (event) => {
  const account = document.querySelector<HTMLDetailsElement>('details.account[open]');
  if (event.key === 'Escape' && account) {
    account.open = false;
    account.querySelector('summary')?.focus();
  }
});

enliven(document);
// An address that names a statement is somebody's own place.
/** What a link carries behind # leaves the address, and the history, before anything else; it goes on in the form's body. */
function openSharedLink(form: HTMLFormElement): void {
  const token = location.hash.slice(1);
  const field = form.elements.namedItem('token');
  if (token === '' || !(field instanceof HTMLInputElement)) return;
  history.replaceState(null, '', location.pathname);
  field.value = token;
  form.submit();
}

const shared = document.querySelector<HTMLFormElement>('form[data-share-form]');
if (shared) openSharedLink(shared);

if (location.hash === '') for (const list of document.querySelectorAll<HTMLElement>('[data-follow]')) showEnd(list);
countDown();
setInterval(countDown, 1000);
