import { postgresKit } from './kits/postgres.ts';
import { describeProtocol } from './suite.ts';

describeProtocol(postgresKit);
