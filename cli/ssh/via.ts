// By which way ssh reaches a resource: the connector's own address, or a tunnel through the portal.

import type { Command } from 'commander';
import { usage } from '../failure.ts';
import { shellWords } from '../own-command.ts';

export type Via = 'direct' | 'portal';

export const addVia = (command: Command): Command =>
  command.option('--via <WAY>', 'direct (default), or portal: needs no route to it', way);

function way(text: string): Via {
  if (text !== 'direct' && text !== 'portal') throw usage(`--via ${text}: expected direct or portal`);
  return text;
}

/** What ssh runs instead of connecting: a value of ProxyCommand, in which % begins nothing. */
export const throughPortal = (own: readonly string[], resource: string): string =>
  shellWords([...own, 'connect', '--stdio', resource]).replaceAll('%', '%%');
