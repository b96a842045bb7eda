// The demo's identity provider, in its own process.

import { runChild } from '../child.ts';
import { OidcSettings, startOidc } from './oidc.ts';

runChild(OidcSettings, startOidc);
