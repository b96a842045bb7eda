import { sshKit } from '../kits/ssh.ts';
import { describeProtocol } from '../suite.ts';

describeProtocol(sshKit);
