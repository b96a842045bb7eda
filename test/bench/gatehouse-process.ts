// Gatehouse in front of a database: `node gatehouse-process.ts TARGET_PORT DIRECTORY [RULES [PROTOCOL]]`, RULES a name in rules.ts.

import { PROTOCOL_MODULES } from '../../connector/registry.ts';
import { ok } from '../../core/result.ts';
import { password, trusted } from '../harness/gateway.ts';
import { serveBench } from './bench-gateway.ts';
import { benchRules } from './rules.ts';

const [targetPort, directory = '', rules = 'none', named = 'postgres'] = process.argv.slice(2);
const protocol = named === 'mysql' ? 'mysql' : 'postgres';
const LOGINS = {
  postgres: { user: 'postgres', database: 'postgres' },
  mysql: { user: 'bench', database: 'bench', password: password('bench') },
};
await serveBench({
  directory,
  rules: benchRules(rules),
  entrance: {
    name: protocol,
    protocol: PROTOCOL_MODULES[protocol].create({}),
    targets: async () => ok(trusted(Number(targetPort), LOGINS[protocol])),
    tls: undefined,
    allowPlainText: true,
  },
});
