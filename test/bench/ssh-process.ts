// Gatehouse in front of an sshd: `node ssh-process.ts PORT LOGIN KEY_FILE HOST_KEY DIRECTORY [unrecorded]`.

import { readFileSync } from 'node:fs';
import { PinnedKeys } from '../../connector/protocols/ssh/login/pinned-keys.ts';
import type { SshTarget } from '../../connector/protocols/ssh/login/target-login.ts';
import { parsePrivateKey } from '../../connector/protocols/ssh/wire/ssh2.ts';
import { PROTOCOL_MODULES } from '../../connector/registry.ts';
import { ok } from '../../core/result.ts';
import { serveBench } from './bench-gateway.ts';

const [port, login = '', keyFile = '', hostKey = '', directory = '', unrecorded] = process.argv.slice(2);
const key = parsePrivateKey(readFileSync(keyFile, 'utf8'));
if (!key) throw new Error(`${keyFile} is no private key`);
const protocol = PROTOCOL_MODULES.ssh.create({});
await serveBench<SshTarget>({
  directory,
  resource: 'web',
  exempt: unrecorded,
  entrance: {
    name: 'ssh',
    protocol,
    targets: async () =>
      ok({
        host: '127.0.0.1',
        port: Number(port),
        login,
        credential: { kind: 'key', key },
        hostKeys: new PinnedKeys([hostKey]),
        connectTimeoutMs: 30_000,
      }),
    tls: undefined,
    allowPlainText: true,
  },
  tell: { hostKey: protocol.hostKey?.ok ? protocol.hostKey.value.line : '' },
});
