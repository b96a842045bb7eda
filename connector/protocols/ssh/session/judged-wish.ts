// What a channel was opened for, as the policy decides on it and as those see it who approve.

import { judgeCommand } from '../../../../core/policy/sections/commands.ts';
import type { Decision } from '../../../../core/policy/sections/entries.ts';
import type { ActionToHold, RulesInForce } from '../../../action.ts';
import { refusedUnderMasks } from '../masking/under-masks.ts';
import { type ChannelWish, commandDigest } from './channel-setup.ts';

export function judgeWish(rules: RulesInForce, wish: ChannelWish): Decision {
  const { commands } = rules.sections;
  const { form, command } = wish;
  const refused = refusedUnderMasks(rules, wish);
  if (refused) return refused;
  if (!commands) return ALLOWED;
  if (form === 'shell') return judgeCommand(commands, 'interactive shell');
  return judgeCommand(commands, form === 'exec' ? { line: command } : { words: [command] });
}

const ALLOWED: Decision = { section: 'commands', verdict: 'allow', why: '' };

/** `shown`: as recorded. */
export const describeWish = (
  wish: ChannelWish,
  shown: { readonly command: string; readonly parameters: readonly string[] },
): ActionToHold => ({
  kind: 'command',
  ...(wish.form !== 'exec' && {
    title: wish.form === 'shell' ? 'An interactive shell' : `The subsystem ${wish.command}`,
  }),
  text: wish.form === 'shell' ? 'interactive shell' : shown.command,
  parameters: shown.parameters,
  digest: commandDigest(wish),
  touches: [],
});
