// What the portal needs of the edge: the use cases, and who is asking. It knows nothing of cookies,
// identity providers or storage.

import type { Identity } from '../../core/identity.ts';
import type { Gatehouse } from '../gatehouse.ts';

export interface PortalDeps {
  readonly gatehouse: Gatehouse;
  /** Who is signed in; undefined sends the browser to `/login?return=PATH`. Never throws for what a browser sent. */
  signedIn(request: Request): Promise<Identity | undefined>;
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** From `buildPortalAssets`: makes the addresses of style sheet and scripts change with their content. */
  readonly assetVersion?: string;
  /** SHA-256 of the file at `/cli/gatehouse.mjs`, in hex; undefined: this build has none. */
  readonly cliSha256?: string;
}
