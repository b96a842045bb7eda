// What a request is called in each of its states, the same wherever people read of it: the portal, the command line,
// notices. One that is over is told of in the past.

import { span } from '../text/amounts.ts';
import { type Approval, type ApprovalState, isOver, type RecordingKind } from './approval.ts';
import { type HeldKind, nounOf } from './held-action.ts';

interface RequestStanding {
  readonly kind: Approval['subject']['kind'];
  readonly state: ApprovalState;
  /** It was used without the approval. */
  readonly breakGlass?: { readonly review?: unknown } | undefined;
}

interface StateWords {
  /** In a list: `waiting`, `ran`. */
  readonly state: string;
  /** Between who asked and the resource: `asks for access to`. */
  readonly did: string;
}

export function requestWords({ kind, state, breakGlass }: RequestStanding): StateWords {
  if (breakGlass) {
    return {
      state: breakGlass.review === undefined ? 'glass broken' : 'glass broken, reviewed',
      did: 'broke the glass for',
    };
  }
  switch (kind) {
    case 'access':
      return ACCESS[state];
    case 'view':
    case 'unlock':
      return RECORDING[kind][state];
    default:
      return heldWords(kind)[state];
  }
}

/** How long it is good for, as a heading and a length. undefined: it is over, and had no length. */
export function termWords({
  kind,
  state,
  breakGlass,
  workSeconds,
}: RequestStanding & { readonly workSeconds: number }): { readonly name: string; readonly value: string } | undefined {
  const length = span(workSeconds * 1000);
  if (kind !== 'access' && kind !== 'view' && kind !== 'unlock')
    return isOver(state) ? undefined : { name: 'goes on within', value: `${length}, from the approval on` };
  if (breakGlass) return { name: 'for how long', value: `${length}, from then on` };
  const given = state === 'claimed' || !isOver(state);
  return given
    ? { name: 'for how long', value: `${length}, from the approval on` }
    : { name: 'asked for', value: length };
}

const ASKED = 'asked for access to';
const ACCESS: Readonly<Record<ApprovalState, StateWords>> = {
  pending: { state: 'waiting', did: 'asks for access to' },
  approved: { state: 'approved', did: 'may have access to' },
  claimed: { state: 'access given', did: 'was given access to' },
  denied: { state: 'denied', did: ASKED },
  withdrawn: { state: 'withdrawn', did: ASKED },
  expired: { state: 'expired', did: ASKED },
};

const recordingWords = (verb: string, of: string, used: string): Readonly<Record<ApprovalState, StateWords>> => {
  const asked = `asked to ${verb} ${of}`;
  return {
    pending: { state: 'waiting', did: `asks to ${verb} ${of}` },
    approved: { state: 'approved', did: `may ${verb} ${of}` },
    claimed: { state: used, did: asked },
    denied: { state: 'denied', did: asked },
    withdrawn: { state: 'withdrawn', did: asked },
    expired: { state: 'expired', did: asked },
  };
};
const RECORDING: Readonly<Record<RecordingKind, Readonly<Record<ApprovalState, StateWords>>>> = {
  view: recordingWords('watch', 'a session on', 'watched'),
  unlock: recordingWords('open', 'the originals of a session on', 'opened'),
};

const DONE: Readonly<Record<HeldKind, { readonly verb: string; readonly state: string }>> = {
  statement: { verb: 'ran', state: 'ran' },
  command: { verb: 'ran', state: 'ran' },
  request: { verb: 'sent', state: 'sent' },
  forward: { verb: 'opened', state: 'opened' },
};

function heldWords(kind: HeldKind): Readonly<Record<ApprovalState, StateWords>> {
  const { verb, one } = nounOf(kind);
  const asked = `asked to ${verb} a ${one} on`;
  return {
    pending: { state: 'waiting', did: `waits to ${verb} a ${one} on` },
    approved: { state: 'approved', did: `may ${verb} a ${one} on` },
    claimed: { state: DONE[kind].state, did: `${DONE[kind].verb} a ${one} on` },
    denied: { state: 'denied', did: asked },
    withdrawn: { state: 'withdrawn', did: asked },
    expired: { state: 'expired', did: asked },
  };
}
