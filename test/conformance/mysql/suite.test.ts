import { mysqlKit } from '../kits/mysql.ts';
import { describeProtocol } from '../suite.ts';

describeProtocol(mysqlKit);
