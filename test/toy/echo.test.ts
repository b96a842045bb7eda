// A protocol is added in four places: a row of core/protocols.ts, a line of connector/registry.ts (both made by added.ts
// on the way), its folder, and its kit. With that alone it is carried, recorded, sealed, found, replayed
// and exported.

import { describeProtocol } from '../conformance/suite.ts';
import { echoKit } from './kit.ts';

describeProtocol(echoKit);
