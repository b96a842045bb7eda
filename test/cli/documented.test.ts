// Every command stands in docs/cli.md, with its JSON.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { COMMANDS } from '../../cli/commands.ts';

const PAGE = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8');

// Those whose JSON is an export, or a replay's events.
const WITHOUT_SHAPE = ['export', 'replay'];

test.each(Object.keys(COMMANDS))('docs/cli.md says what %s does, and its JSON', (name) => {
  expect(PAGE).toMatch(new RegExp(`^\\| \`${name}[ \`]`, 'm'));
  if (WITHOUT_SHAPE.includes(name)) return;
  const shapes = PAGE.slice(PAGE.indexOf('`--json` works on every command'));
  expect(shapes).toMatch(new RegExp(`^\\| [^|]*\`${name}[ \`]`, 'm'));
});
