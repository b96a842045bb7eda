// What the directory knows of people as a whole: ending all that they have open, and groups that change while they are here.

import type { Approval } from '../../core/approval/approval.ts';
import type { TunnelId } from '../../core/ids.ts';

export interface PeoplePort {
  /**
   * Signs them out everywhere. What they began before and is not done yet comes to nothing (`isCutOff`). `barred`: nor do they
   * come in again, until `admit`.
   */
  cutOff(email: string, barred: boolean): Promise<{ readonly browsers: number; readonly tokens: number }>;
  admit(email: string): Promise<void>;
  isBarred(email: string): Promise<boolean>;
  /** Ask after something was made for them: then they may not have it. */
  isCutOff(email: string): Promise<boolean>;
  /** Whatever they asked for that is neither decided against nor over, at most 500. */
  waitingRequestsOf(email: string): Promise<Approval[]>;
  tunnelOpened(tunnel: TunnelId, email: string): Promise<void>;
  /** All that they opened lately, once: whoever asks ends them. */
  takeTunnels(email: string): Promise<TunnelId[]>;
  /** Puts these in the place of all groups that begin with `prefix`, in every sign-in of each. */
  regroup(prefix: string, groups: Readonly<Record<string, readonly string[]>>): Promise<void>;
}
