// Signing in by a certificate: the real client with certificates of ssh-keygen, and clients that keep to no rule.

import { connect } from 'node:net';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GrantId } from '../../../core/ids.ts';
import { fingerprintOf } from '../../../core/ssh/public-key.ts';
import { fieldsOf, sshMessage as message } from '../../../connector/protocols/ssh/wire/messages.ts';
import { parsePrivateKey, type ParsedKey, signWith } from '../../../connector/protocols/ssh/wire/ssh2.ts';
import { SshTransport } from '../../../connector/protocols/ssh/wire/transport.ts';
import { until } from '../../harness/run.ts';
import { makeTestAuthority, type TestAuthority, wireOf } from '../../harness/ssh/authority.ts';
import { type SshGateway, startSshGateway } from '../../harness/ssh/ssh-gateway.ts';
import { hasSshd, startSshd, type Sshd } from '../../harness/ssh/sshd.ts';

const [FAILURE, SUCCESS, BANNER, PK_OK] = [51, 52, 53, 60];
const CERT = 'ssh-ed25519-cert-v01@openssh.com';
const FOR_WEB = ['-n', 'web', '-V', '-1m:+5m'];

describe.skipIf(!hasSshd)('SSH: certificates', () => {
  let sshd: Sshd;
  let gateway: SshGateway;
  let authority: TestAuthority;
  let grant: GrantId;
  const keyId = (id: string = grant) => `${id} alice@example.com`;

  beforeAll(async () => {
    sshd = await startSshd();
    gateway = await startSshGateway(sshd.upstream);
    authority = makeTestAuthority();
    gateway.edge.authority = authority.publicKey;
    grant = gateway.edge.issue({ resource: 'web' }).id;
  });
  afterAll(async () => {
    expect(gateway.bugs).toEqual([]);
    await gateway.close();
    sshd.close();
    authority.remove();
  });

  const withKey = (key: string, user = 'web', more: readonly string[] = []) =>
    gateway.run('ssh', [
      // The first value of an option is the one that counts.
      ...more,
      ...['-i', key, '-o', 'IdentitiesOnly=yes', '-o', 'PreferredAuthentications=publickey', '-o', 'BatchMode=yes'],
      ...['-o', 'LogLevel=INFO', ...gateway.options, '-p', String(gateway.port), `${user}@127.0.0.1`, 'echo in'],
    ]);
  const certified = (options: readonly string[] = FOR_WEB, key = authority.newKey(), id = keyId(), by?: string) => {
    authority.certify(key, id, options, by);
    return key;
  };

  it.each(['ed25519', 'ecdsa', 'rsa'] as const)('a key of type %s is let in by its certificate', async (type) => {
    const key = certified([...FOR_WEB, '-z', '18446744073709551615'], authority.newKey(type));
    const ran = await withKey(key, `${sshd.login}@web`);
    expect([ran.stdout, ran.code, ran.stderr]).toEqual(['in\n', 0, '']);
    expect(gateway.log.last.opened).toMatchObject({
      grant: { id: grant },
      identity: { email: 'alice@example.com' },
      details: { login: sshd.login, certificate: '18446744073709551615' },
    });
  });

  it('says whose it is, whatever the user name says', async () => {
    const key = certified();
    expect((await withKey(key, 'web,alice=example.com')).stdout).toBe('in\n');
    expect((await withKey(key, 'web,bob=example.com')).code).toBe(255);
  });

  const refused = async (key: string, words: string | undefined, user = 'web') => {
    const sessions = gateway.log.sessions.length;
    const ran = await withKey(key, user);
    expect([ran.code, ran.stdout]).toEqual([255, '']);
    if (words === undefined) expect(ran.stderr).not.toContain('Gatehouse');
    else expect(ran.stderr).toContain(words);
    expect(ran.stderr).toContain('Permission denied (publickey,keyboard-interactive,password)');
    expect(gateway.log.sessions).toHaveLength(sessions);
  };

  it('a plain key lets nobody in, nor does one that the target takes', async () => {
    await refused(authority.newKey(), undefined);
    await refused(sshd.keyFile, undefined);
  });

  it.each([
    ['expired', ['-n', 'web', '-V', '20200101000000Z:20200102000000Z'], 'was valid until 2020-01-02'],
    ['not valid yet', ['-n', 'web', '-V', '21000101000000Z:21000102000000Z'], 'is not valid before 2100-01-01'],
    ['for another resource', ['-n', 'db', '-V', 'always:forever'], 'is for db, not for the one in the user name'],
    ['for nobody in particular', ['-V', 'always:forever'], 'is for no resource'],
    ['for other addresses', [...FOR_WEB, '-O', 'source-address=10.0.0.0/8'], 'may not be used from this address'],
    ['with a command', [...FOR_WEB, '-O', 'force-command=echo in'], 'does not take (force-command)'],
    ['with an unknown condition', [...FOR_WEB, '-O', 'critical:x@example.com=y'], 'does not take (x@example.com)'],
  ])('one %s is refused, with words', async (_, options, words) => refused(certified(options), words));

  it('one for the address that it comes from, or with extensions that nobody knows, is taken', async () => {
    const options = [...FOR_WEB, '-O', 'source-address=127.0.0.0/8', '-O', 'extension:x@example.com=y'];
    expect((await withKey(certified(options))).stdout).toBe('in\n');
  });

  it('one of another authority, of the certified key itself, or for no grant is refused', async () => {
    await refused(certified(FOR_WEB, authority.newKey(), keyId(), authority.newKey()), undefined);
    const own = authority.newKey();
    await refused(certified(FOR_WEB, own, keyId(), own), undefined);
    await refused(certified(FOR_WEB, authority.newKey(), 'alice@example.com'), 'for no grant');
  });

  it('opens nothing once its grant is revoked, has ended, or was never there', async () => {
    const revoked = gateway.edge.issue({ resource: 'web' }).id;
    const key = certified(FOR_WEB, authority.newKey(), keyId(revoked));
    expect((await withKey(key)).stdout).toBe('in\n');
    gateway.edge.revoke(revoked);
    expect(await withKey(key)).toMatchObject({ code: 255, stdout: '', stderr: expect.stringContaining('was revoked') });
    const nobody = certified(FOR_WEB, authority.newKey(), keyId('grt_01h00000000000000000000000'));
    expect(await withKey(nobody)).toMatchObject({
      code: 255,
      stdout: '',
      stderr: expect.stringContaining('No such grant'),
    });
  });

  it('of a grant for another resource opens nothing, though it names this one', async () => {
    const other = gateway.edge.issue({ resource: 'other' }).id;
    const ran = await withKey(certified(FOR_WEB, authority.newKey(), keyId(other)));
    expect([ran.code, ran.stdout]).toEqual([255, '']);
  });

  it('opens nothing while the edge is away, and says so', async () => {
    const key = certified();
    gateway.edge.away = { reason: 'edge_unreachable', message: 'the gateway cannot check your grant now' };
    expect((await withKey(key)).stderr).toContain('cannot check your grant now');
    gateway.edge.away = undefined;
    expect((await withKey(key)).stdout).toBe('in\n');
  });

  it('an edge that signs none has none taken, and the grant is still a password', async () => {
    const key = certified();
    gateway.edge.authority = undefined;
    await refused(key, undefined);
    const ran = await withKey(key, 'web', ['-o', 'PreferredAuthentications=publickey,password', '-o', 'BatchMode=no']);
    expect(ran.stdout).toBe('in\n');
    gateway.edge.authority = authority.publicKey;
  });

  it('an agent full of keys is no reason not to be asked for the grant', async () => {
    const keys = Array.from({ length: 8 }, () => ['-i', authority.newKey()]).flat();
    const ran = await withKey(authority.newKey(), 'web', [
      ...keys,
      ...['-o', 'PreferredAuthentications=publickey,password', '-o', 'BatchMode=no'],
    ]);
    expect(ran.stdout).toBe('in\n');
  });

  describe('message by message', () => {
    async function client() {
      const socket = connect({ host: '127.0.0.1', port: gateway.port });
      socket.on('error', () => {});
      const transport = new SshTransport(socket, { of: 'client', preferred: [], verify: () => true });
      const answers: Buffer[] = [];
      let left = false;
      transport.handle({
        message: (payload) => void answers.push(payload),
        resume() {},
        closed() {
          left = true;
        },
      });
      await transport.ready();
      transport.send(message(5, 'ssh-userauth'));
      await until('the service is accepted', () => answers.length === 1);
      return {
        sessionId: transport.sessionId,
        hangUp: () => socket.destroy(),
        said: () => Buffer.concat(answers.filter(([type]) => type === BANNER)).toString(),
        /** The type of what it is answered; words of the gateway are left out. */
        async ask(payload: Buffer): Promise<number | 'left'> {
          const before = answers.filter(([type]) => type !== BANNER).length;
          transport.send(payload);
          const now = () => answers.filter(([type]) => type !== BANNER);
          await until('it is answered', () => now().length > before || left);
          return now().length > before ? (now().at(-1)?.[0] ?? 0) : 'left';
        },
      };
    }
    const request = (signed: boolean, algorithm: string, blob: Buffer, user = 'web') =>
      message(50, user, 'ssh-connection', 'publickey', signed, algorithm, blob);
    const signature = (
      key: string,
      sessionId: Buffer,
      payload: Buffer,
      algorithm = 'ssh-ed25519',
      named = algorithm,
    ) => {
      const parsed = parsePrivateKey(readFileSync(key, 'utf8')) as ParsedKey;
      const bytes = signWith(parsed, Buffer.concat([fieldsOf(sessionId), payload]), algorithm);
      return fieldsOf(fieldsOf(named, bytes ?? Buffer.alloc(0)));
    };
    const signed = (key: string, sessionId: Buffer, payload: Buffer) =>
      Buffer.concat([payload, signature(key, sessionId, payload)]);

    it('an offer is answered, and lets nobody in; the same with a signature does', async () => {
      const key = certified();
      const blob = wireOf(`${key}-cert.pub`);
      const it = await client();
      const sessions = gateway.edge.asked;
      for (let times = 0; times < 8; times++) expect(await it.ask(request(false, CERT, blob))).toBe(PK_OK);
      // Nobody is in: what is for those who are ends the login.
      expect(gateway.edge.asked).toBe(sessions);
      expect(await it.ask(signed(key, it.sessionId, request(true, CERT, blob)))).toBe(SUCCESS);
      it.hangUp();
      const other = await client();
      expect(await other.ask(request(false, CERT, blob))).toBe(PK_OK);
      expect(await other.ask(message(90, 'session', 0, 1_000_000, 32_768))).toBe('left');
    });

    it('one of a host is refused, offered or signed: no client shows it', async () => {
      const key = certified(['-h', ...FOR_WEB]);
      const blob = wireOf(`${key}-cert.pub`);
      const it = await client();
      expect(await it.ask(request(false, CERT, blob))).toBe(FAILURE);
      expect(await it.ask(signed(key, it.sessionId, request(true, CERT, blob)))).toBe(FAILURE);
      expect(it.said()).toContain('for a host, not for a person');
      it.hangUp();
    });

    it('a signature is for this session, this user, this key and this algorithm', async () => {
      const key = certified();
      const blob = wireOf(`${key}-cert.pub`);
      const whole = request(true, CERT, blob);
      const attempts: ((sessionId: Buffer) => Buffer)[] = [
        () => signed(key, Buffer.alloc(32, 7), whole),
        () => signed(key, Buffer.alloc(0), whole),
        (id) => Buffer.concat([whole, signature(key, id, request(true, CERT, blob, 'web,alice=example.com'))]),
        (id) => Buffer.concat([whole, signature(key, id, request(false, CERT, blob))]),
        (id) => signed(certified(), id, whole),
        (id) => signed(key, id, request(true, 'ssh-ed25519', blob)),
        (id) => signed(key, id, request(true, 'ssh-ed25519', wireOf(`${key}.pub`))),
        (id) => signed(key, id, request(true, CERT, wireOf(`${key}.pub`))),
        (id) => Buffer.concat([whole, signature(key, id, whole, 'ssh-ed25519', CERT)]),
        (id) => Buffer.concat([whole, signature(key, id, whole, 'ssh-ed25519', 'ssh-rsa')]),
        () => Buffer.concat([whole, fieldsOf(Buffer.alloc(0))]),
        () => Buffer.concat([whole, fieldsOf(fieldsOf('ssh-ed25519', Buffer.alloc(64)))]),
      ];
      const sessions = gateway.edge.asked;
      for (const [index, attempt] of attempts.entries()) {
        const it = await client();
        expect([index, await it.ask(attempt(it.sessionId))]).toEqual([index, FAILURE]);
        it.hangUp();
      }
      expect(gateway.edge.asked).toBe(sessions);
    });

    it('a registered key signs for this session too, by itself; its offer lets nobody in', async () => {
      const key = authority.newKey();
      const blob = wireOf(`${key}.pub`);
      const type = 'ssh-ed25519';
      gateway.edge.keys.set(await fingerprintOf(blob), 'alice@example.com');
      gateway.edge.issue({ resource: 'web' });
      const whole = request(true, type, blob);
      const attempts: ((sessionId: Buffer) => Buffer)[] = [
        () => signed(key, Buffer.alloc(32, 7), whole),
        (id) => signed(authority.newKey(), id, whole),
        (id) => Buffer.concat([whole, signature(key, id, whole, type, 'ssh-rsa')]),
        () => Buffer.concat([whole, fieldsOf(fieldsOf(type, Buffer.alloc(64)))]),
        () => Buffer.concat([whole, fieldsOf(Buffer.alloc(0))]),
      ];
      const sessions = gateway.edge.asked;
      for (const [index, attempt] of attempts.entries()) {
        const it = await client();
        expect(await it.ask(request(false, type, blob))).toBe(PK_OK);
        expect([index, await it.ask(attempt(it.sessionId))]).toEqual([index, FAILURE]);
        it.hangUp();
      }
      expect(gateway.edge.asked).toBe(sessions);
      const it = await client();
      expect(await it.ask(signed(key, it.sessionId, whole))).toBe(SUCCESS);
      it.hangUp();
    });

    it('RSA signs by SHA-2, whatever it is called', async () => {
      const key = certified(FOR_WEB, authority.newKey('rsa'));
      const blob = wireOf(`${key}-cert.pub`);
      const by = (algorithm: string, by: string, named: string) => async () => {
        const it = await client();
        const whole = request(true, algorithm, blob);
        const answer = await it.ask(Buffer.concat([whole, signature(key, it.sessionId, whole, by, named)]));
        it.hangUp();
        return answer;
      };
      const SHA1 = 'ssh-rsa';
      for (const [attempt, expected] of [
        [by('rsa-sha2-512-cert-v01@openssh.com', 'rsa-sha2-512', 'rsa-sha2-512'), SUCCESS],
        [by('rsa-sha2-256-cert-v01@openssh.com', 'rsa-sha2-256', 'rsa-sha2-256'), SUCCESS],
        [by('ssh-rsa-cert-v01@openssh.com', SHA1, SHA1), FAILURE],
        [by('ssh-rsa-cert-v01@openssh.com', 'rsa-sha2-512', 'rsa-sha2-512'), FAILURE],
        [by('rsa-sha2-512-cert-v01@openssh.com', SHA1, SHA1), FAILURE],
        [by('rsa-sha2-512-cert-v01@openssh.com', SHA1, 'rsa-sha2-512'), FAILURE],
        [by('rsa-sha2-512-cert-v01@openssh.com', 'rsa-sha2-256', 'rsa-sha2-256'), FAILURE],
        [by('rsa-sha2-512-cert-v01@openssh.com', 'rsa-sha2-256', 'rsa-sha2-512'), FAILURE],
        [by(CERT, 'rsa-sha2-512', 'rsa-sha2-512'), FAILURE],
      ] as const)
        expect(await attempt()).toBe(expected);
    });

    it('a key is not asked to sign by what would not do', async () => {
      const [key, rsa] = [certified(), certified(FOR_WEB, authority.newKey('rsa'))];
      const asks = async (algorithm: string, of: string) => {
        const it = await client();
        const answer = await it.ask(request(false, algorithm, wireOf(`${of}-cert.pub`)));
        it.hangUp();
        return answer;
      };
      expect(await asks('rsa-sha2-256-cert-v01@openssh.com', rsa)).toBe(PK_OK);
      for (const [algorithm, of] of [
        ['ssh-rsa-cert-v01@openssh.com', rsa],
        ['rsa-sha2-256-cert-v01@openssh.com', key],
        [CERT, rsa],
        ['ssh-ed25519', key],
        ['rsa-sha2-256-cert-v00@openssh.com', rsa],
      ] as const)
        expect(await asks(algorithm, of)).toBe(FAILURE);
    });

    it('keys may be asked about many times, and not for ever; signed, six times', async () => {
      const blob = wireOf(`${authority.newKey()}.pub`);
      const asks = await client();
      let asked = 0;
      while ((await asks.ask(request(false, 'ssh-ed25519', blob))) === FAILURE && asked < 1000) asked++;
      expect(asked).toBe(101);
      const tries = await client();
      const wrong = () => tries.ask(Buffer.concat([request(true, 'ssh-ed25519', blob), fieldsOf(Buffer.alloc(0))]));
      let tried = 0;
      while ((await wrong()) === FAILURE && tried < 100) tried++;
      expect(tried).toBe(5);
    });

    it('what is longer than its fields, or cut, ends the login', async () => {
      const key = certified();
      const blob = wireOf(`${key}-cert.pub`);
      for (const bend of [
        (whole: Buffer) => Buffer.concat([whole, Buffer.from([0])]),
        (whole: Buffer) => whole.subarray(0, -1),
      ]) {
        const it = await client();
        expect(await it.ask(bend(signed(key, it.sessionId, request(true, CERT, blob))))).toBe('left');
      }
    });
  });
});
