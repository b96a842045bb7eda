// The demo provider's one page. Works without scripts, with a keyboard, in both colour schemes.

import { createHash } from 'node:crypto';
import type { DemoPerson } from '../people.ts';

const STYLE = `
:root { color-scheme: light dark; font: 100%/1.5 system-ui, sans-serif; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: Canvas; color: CanvasText; }
main { width: min(26rem, calc(100vw - 3rem)); padding: 2rem 0; }
h1 { font-size: 1.5rem; margin: 0 0 .5rem; }
p { margin: 0 0 1.5rem; }
ul { list-style: none; margin: 0; padding: 0; display: grid; gap: .75rem; }
button { width: 100%; min-height: 3.5rem; padding: .6rem 1rem; text-align: left; font: inherit; color: inherit; background: transparent;
  border: 1px solid GrayText; border-radius: .6rem; cursor: pointer; }
button:hover { border-color: currentColor; }
button:focus-visible { outline: 3px solid Highlight; outline-offset: 2px; }
strong, span { display: block; }
`;
const STYLE_HASH = `sha256-${createHash('sha256').update(STYLE).digest('base64')}`;

const frame = (title: string, body: string): { html: string; styleHash: string } => ({
  styleHash: STYLE_HASH,
  html: `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title><style>${STYLE}</style></head>
<body><main>${body}</main></body>
</html>
`,
});

export const signInPage = (people: readonly DemoPerson[]) =>
  frame(
    'Demo sign-in',
    `<h1>Who are you?</h1>
<p>This is the demo's identity provider, on this machine alone. It asks for no password.</p>
<form method="post"><ul>${people
      .map(
        ({ key, name, email, role }) =>
          `<li><button type="submit" name="person" value="${key}"><strong>${name}</strong><span>${email} · ${role}</span></button></li>`,
      )
      .join('')}</ul></form>`,
  );

export const unknownSignInPage = () =>
  frame('Demo sign-in', '<h1>This sign-in is over</h1><p>Go back to the portal and sign in again.</p>');
