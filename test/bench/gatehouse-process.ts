// Gatehouse in front of a PostgreSQL: `node gatehouse-process.ts TARGET_PORT DIRECTORY [RULES]`, RULES a name in rules.ts.

import { PROTOCOL_MODULES } from '../../connector/registry.ts';
import { ok } from '../../core/result.ts';
import { trusted } from '../harness/gateway.ts';
import { serveBench } from './bench-gateway.ts';
import { benchRules } from './rules.ts';

const [targetPort, directory = '', rules = 'none'] = process.argv.slice(2);
await serveBench({
  directory,
  rules: benchRules(rules),
  entrance: {
    name: 'postgres',
    protocol: PROTOCOL_MODULES.postgres.create({}),
    targets: async () => ok(trusted(Number(targetPort), { user: 'postgres', database: 'postgres' })),
    tls: undefined,
    allowPlainText: true,
  },
});
