// An action is carried out whenever somebody decides: what throws then has no caller of the session's own.

import type { Relay } from './relay.ts';
import type { Action } from '../action.ts';

/** The same action, whose parts end their own session, and nothing else, when they throw. */
export const contained = (relay: Pick<Relay, 'contain'>, action: Action): Action => ({
  ...action,
  forward: () => relay.contain(() => action.forward()),
  refuse: (refusal) => relay.contain(() => action.refuse(refusal)),
  notify: (message, hint) => relay.contain(() => action.notify(message, hint)),
});
