// What a rule with detectors has no way to mask is refused: files that go over as they are, and forwarded connections.

import type { Decision } from '../../../../core/policy/sections/entries.ts';
import { type AskedForward, judgeForward } from '../../../../core/policy/sections/forwards.ts';
import type { RulesInForce } from '../../../action.ts';

/** The other half of a program that moves files, as clients start it on a target; a changed byte would break what it says. */
const TRANSFER =
  /^\s*(?:\S*\/)?(?:scp\s+(?:\S+\s+)*-[a-zA-Z]*[tf]\b|rsync\s+(?:\S+\s+)*--server\b|git(?:-|\s+)(?:upload-pack|receive-pack|upload-archive)\b|(?:internal-)?sftp(?:-server)?(?:\s|$)|borg\s+serve\b|unison\s+(?:\S+\s+)*-server\b)/;

/** Whether detectors apply: masks of columns and fields name nothing here. */
export const isMasked = ({ masks }: RulesInForce): boolean => masks.finder !== undefined;

/** Undefined: its output is text that masks can hold. */
export function refusedUnderMasks(
  rules: RulesInForce,
  { form, command }: { readonly form: 'exec' | 'shell' | 'subsystem'; readonly command: string },
): Decision | undefined {
  if (!isMasked(rules) || form === 'shell' || (form === 'exec' && !TRANSFER.test(command))) return undefined;
  const what = form === 'subsystem' ? `the subsystem ${command.slice(0, 100)}` : 'this transfer';
  return {
    section: 'commands',
    verdict: 'block',
    why: `it masks what comes back, and ${what} carries files as they are, which cannot be masked`,
    hint: 'Show a file with cat, or ask an administrator for a rule without detect for files.',
  };
}

export function judgeForwardUnderMasks(rules: RulesInForce, asked: AskedForward): Decision {
  if (!isMasked(rules)) return judgeForward(rules.sections.forwards, asked);
  return {
    section: 'forwards',
    verdict: 'block',
    why: 'it masks what comes back, and what goes over a forwarded connection cannot be masked',
  };
}
