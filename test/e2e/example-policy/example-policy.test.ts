// The example policy in force, as somebody meets it who starts with it. One `npm start` for all of it, which takes
// longer than most of these tests: hence in this order, each with requests of its own.

import { describe } from 'vitest';
import { testApprovals } from './approvals.ts';
import { withExamplePolicy } from './gatehouse.ts';
import { testGuard } from './guard.ts';
import { testInForce } from './in-force.ts';

withExamplePolicy();
describe('in force', testInForce);
describe('guards', testGuard);
// Last: it has a policy of its own applied, and spoils the archive of the audit log in the end.
describe('access that is approved', testApprovals);
