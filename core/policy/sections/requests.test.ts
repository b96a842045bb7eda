import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readPath } from './request-path.ts';
import { type AskedRequest, compileRequestRules, judgeRequest, parseRequestPattern, RequestEntry } from './requests.ts';

const blocking = (...block: string[]) => compileRequestRules([RequestEntry.parse({ block })]);
const allowing = (...allow: string[]) => compileRequestRules([RequestEntry.parse({ allow })]);
const request = (text: string): AskedRequest => {
  const [method = '', path = ''] = text.split(' ');
  return { method, path };
};
/** `delete pods`, `create pods/exec`, `get deployments.apps`. */
const kubernetes = (text: string): AskedRequest => {
  const [verb = '', what = ''] = text.split(' ');
  const [full = '', subresource] = what.split('/');
  const [name = '', group = ''] = full.split('.');
  const resource = { verb, group, name, ...(subresource !== undefined && { subresource }) };
  return { method: 'POST', path: '/api/v1/somewhere', resource };
};

describe('a pattern', () => {
  test.each([
    ['GET', 'expected a method and a path'],
    ['GET /a b', 'expected a method and a path'],
    ['DELET /api', '"DELET" is no method of HTTP; did you mean "DELETE"?'],
    ['delete /api', '"delete" is no method of HTTP; did you mean "DELETE"?'],
    ['GET /api?x=1', 'has a query'],
    ['GET /a//b', 'is no path as it is sent'],
    ['GET /a/../b', 'is no path as it is sent'],
    ['GET /a%20b', 'is no path as it is sent'],
    ['GET /a**', 'has ** beside other letters'],
    ['delet pods', '"delet" is no verb of Kubernetes; did you mean "delete"?'],
    ['delete Pods', 'neither a path, such as /api/**, nor a resource'],
  ])('%j: %s', (text, message) => {
    const parsed = parseRequestPattern(text);
    expect(parsed.ok ? 'fits' : parsed.error).toContain(message);
  });
});

describe('a path', () => {
  test.each([
    ['DELETE /api/users/*', 'DELETE /api/users/7'],
    ['* /admin/**', 'GET /admin'],
    ['* /admin/**', 'GET /admin/'],
    ['* /admin/**', 'POST /admin/a/b/c'],
    ['GET /**/secret', 'GET /a/b/secret'],
    ['GET /**/secret', 'GET /secret'],
    ['GET /a/**/b/**/c', 'GET /a/x/b/c'],
    ['GET /files/*.pem', 'GET /files/key.pem'],
    ['* /admin/**', 'GET //admin/x'],
    ['* /admin/**', 'GET /x/../admin/y'],
    ['* /admin/**', 'GET /x/%2e%2e/admin/y'],
    ['* /admin/**', 'GET /%61dmin/y'],
    ['* /admin/**', 'GET /%2561dmin/y'],
    ['* /admin/**', 'GET /x/..%2fadmin'],
    ['* /admin/**', 'GET /x/..\\admin'],
    ['* /admin/**', 'GET /admin;x=1/y'],
    ['* /admin/**', 'GET /ADMIN/y'],
    ['* /admin/**', 'GET nothing-like-a-path'],
    ['* /admin/**', 'GET /%zz'],
    ['DELETE /x', 'delete /x'],
    ['* /admin/**', 'GET /%41dmin/x'],
    ['* /admin/**', 'GET /%25%36%31dmin/x'],
    ['* /admin/**', 'GET /%252561dmin/x'],
    ['* /admin/**', 'GET /%25252525252561dmin/x'],
    ['* /admin/**', 'GET /admin%00.png'],
    ['* /admin/**', 'GET /admin%3Fx/y'],
    ['* /admin/**', 'GET /admin%23x'],
    ['* /admin/**', 'GET /x/%2E%2e/admin'],
    ['* /admin/**', 'GET /x/.%2e/admin'],
    ['* /admin/**', 'GET /x/%2e%2e%2fadmin/y'],
    ['* /admin/**', 'GET /x/%2e%2e%5cadmin/y'],
    ['* /admin/**', 'GET /x/..;/admin/y'],
    ['* /admin/**', 'GET /x/..;a=b/admin/y'],
    ['* /admin/**', 'GET /;/admin/y'],
    ['* /admin/**', 'GET /./admin/y'],
    ['* /admin/**', 'GET /.//..//admin//y'],
    ['* /admin/**', 'GET ///admin'],
    ['* /admin/**', 'GET /\\admin/y'],
    ['* /admin/**', 'GET \\admin/y'],
    ['* /admin/**', 'GET /%c0%afadmin'],
    ['* /admin/**', 'GET /%c0%ae%c0%ae/admin'],
    ['* /admin/**', 'GET /%u0061dmin'],
    ['* /admin/**', 'GET http://other/admin'],
    ['* /admin/**', 'GET *'],
    ['* /admin/**', 'GET /aDmIn%2Fy'],
    ['* /admin/x', 'GET /admin/y/../x'],
    ['* /admin/x', 'GET /admin/x;jsessionid=1'],
    ['* /admin/x', 'GET /admin/x%00'],
    ['DELETE /x', 'Delete /x'],
    ['GET /x/*', 'HEAD /x/7'],
  ])('block %s stops %s', (pattern, asked) =>
    expect(judgeRequest(blocking(pattern), request(asked)).verdict).toBe('block'),
  );

  test.each([
    ['DELETE /api/users/*', 'DELETE /api/users/7/roles'],
    ['DELETE /api/users/*', 'GET /api/users/7'],
    ['* /admin/**', 'GET /administration'],
    ['GET /a/**/b/**/c', 'GET /a/c/b'],
    ['GET /**/secret', 'GET /secret/x'],
  ])('block %s does not stop %s', (pattern, asked) =>
    expect(judgeRequest(blocking(pattern), request(asked)).verdict).toBe('allow'),
  );

  test.each(['GET /api/caf%C3%A9', 'GET /api/a/b', 'GET /api/a%20b', 'GET /api'])(
    'allow "GET /api/**" lets %s pass',
    (asked) => expect(judgeRequest(allowing('GET /api/**'), request(asked)).verdict).toBe('allow'),
  );

  test.each([
    'POST /api/x',
    'get /api/x',
    'GET /API/x',
    'GET /api/../admin',
    'GET /api/%2e%2e/admin',
    'GET /api/..%2fadmin',
    'GET /api//x',
    'GET /api/x;y',
    'GET /api/%00',
    'GET x',
  ])('and not %s', (asked) => expect(judgeRequest(allowing('GET /api/**'), request(asked)).verdict).toBe('block'));

  test('with another method in a header is judged as both', () => {
    const asked = { method: 'POST', path: '/api/x', overrides: ['delete'] };
    expect(judgeRequest(blocking('DELETE /api/**'), asked).verdict).toBe('block');
    expect(judgeRequest(blocking('PUT /api/**'), asked).verdict).toBe('allow');
    expect(judgeRequest(allowing('POST /api/**'), asked).verdict).toBe('block');
    expect(judgeRequest(allowing('* /api/**'), asked).verdict).toBe('allow');
  });

  test('is named in the reason only where it has one reading', () => {
    expect(judgeRequest(allowing('GET /a'), request('GET /b')).why).toBe('GET on /b is not in the allow list');
    expect(judgeRequest(allowing('GET /a'), request('GET /b/../a')).why).toBe(
      'GET on this path is not in the allow list',
    );
  });
});

describe('what is blocked, in other spellings', () => {
  const SPELLINGS = [
    '/x/7',
    '/x/7/',
    '/x/7//',
    '//x/7',
    '/x//7',
    '/x/./7',
    '/x/7/.',
    '/x/7/./',
    '/y/../x/7',
    '/x/y/../7/',
    '/x/7;a=b',
    '/x/7/;a=b',
    '/x/7;',
    '/x;a/7',
    '/x/7;a%2Fb',
    '/x/7;a%2Fb%2Fc/',
    '/x/7%2F',
    '/x/7%2f%2f',
    '/x%2F7',
    '/x%2F7%2F',
    '/x%252F7',
    '/%78/%37',
    '/%2578/7/',
    '/x/%2e/7',
    '/x/y/%2e%2e/7',
    '/x/y/..%2f7',
    '/x/y/..;/7',
    '/x\\7',
    '/x%5C7',
    '/x/7%00',
    '/x/7%00.json',
    '/x/7%3Fa',
    '/x/7%23a/b',
    '/X/7',
    '/x/7.json',
    '/x/7.XML',
    '/x/7.json/',
    '/x/7.',
    '/x/7...',
    '/x/7%20',
    '/x/7%09',
    '/x./7',
    '/x%20/7/',
    '/\uFF58/7',
    '/%EF%BD%98/7',
    '/x%EF%BC%8F7',
    '/x/7%252F',
    '/x/7%25252F',
    '/x/7/%2e',
    '/x/7/y/..',
    '/x/7/y/%2e%2e/',
  ];
  test.each(SPELLINGS)('%j is', (path) => {
    for (const pattern of ['DELETE /x/7', 'DELETE /x/7/', 'DELETE /x/*', '* /x/**'])
      expect([pattern, judgeRequest(blocking(pattern), { method: 'delete', path }).verdict]).toEqual([
        pattern,
        'block',
      ]);
  });

  test('and what is allowed is one of them', () => {
    const passed = SPELLINGS.filter(
      (path) => judgeRequest(allowing('DELETE /x/7'), { method: 'DELETE', path }).verdict !== 'block',
    );
    expect(passed).toEqual(['/x/7', '/%78/%37']);
    expect(judgeRequest(allowing('GET /x/7'), request('HEAD /x/7')).verdict).toBe('block');
  });

  test.each(['/x', '/x/7/8', '/x/77', '/x/7.tar.gz', '/x7', '/y/x/7', '/x/8.json'])('%j is another', (path) =>
    expect(judgeRequest(blocking('DELETE /x/7'), { method: 'DELETE', path }).verdict).toBe('allow'),
  );
});

describe('a resource of Kubernetes', () => {
  test.each([
    ['delete pods', 'delete pods', true],
    ['delete pods', 'delete pods/status', false],
    ['delete pods', 'get pods', false],
    ['* secrets', 'list secrets', true],
    ['get */*', 'get pods/log', true],
    ['get */*', 'get pods', true],
    ['get *', 'get pods/log', false],
    ['create pods/exec', 'create pods/exec', true],
    ['create pods/*', 'create pods/exec', true],
    ['patch deployments.apps', 'patch deployments.apps', true],
    ['patch deployments', 'patch deployments.apps', true],
    ['patch deployments.apps', 'patch deployments.other', false],
    ['* /api/**', 'delete pods', true],
  ])('%s, asked for %s: %s', (pattern, asked, fits) => {
    expect(judgeRequest(blocking(pattern), kubernetes(asked)).verdict).toBe(fits ? 'block' : 'allow');
    expect(judgeRequest(allowing(pattern), kubernetes(asked)).verdict).toBe(fits ? 'allow' : 'block');
  });

  test('is nothing to a plain HTTP request', () => {
    expect(judgeRequest(blocking('* *'), request('GET /x')).verdict).toBe('allow');
    expect(judgeRequest(allowing('* */*'), request('GET /x')).verdict).toBe('block');
  });
});

describe('hostile paths', () => {
  const piece = fc.constantFrom(
    'admin',
    '.',
    '..',
    '',
    '%2e',
    '%2F',
    '%5c',
    '\\',
    ';a=b',
    '%25',
    '%00',
    'x',
    'é',
    '%c3',
    '*',
  );
  test('none passes an allow list in two readings', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const path = `/pub/${pieces.join('/')}`;
        if (judgeRequest(allowing('GET /pub/**'), { method: 'GET', path }).verdict === 'block') return;
        // What passes stays below /pub, however a server resolves it.
        for (const reading of readPath(path).all)
          expect(new URL(reading.replaceAll('\\', '/'), 'http://h').pathname).toMatch(/^\/pub(\/|$)/);
      }),
      { numRuns: 5_000 },
    );
  });

  test('a stop on what a server resolves it to holds', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const path = `/${pieces.join('/')}`;
        const resolved = new URL(`http://h${path}`).pathname;
        if (!resolved.startsWith('/admin/')) return;
        expect(judgeRequest(blocking('GET /admin/**'), { method: 'GET', path }).verdict).toBe('block');
      }),
      { numRuns: 5_000 },
    );
  });

  test('of many segments costs little', () => {
    const rules = blocking('GET /**/a/**/b/**/c/**/d', 'GET /*a*a*a*a*a*b/**');
    expect(judgeRequest(rules, { method: 'GET', path: '/a'.repeat(30_000) }).verdict).toBe('allow');
    expect(judgeRequest(rules, { method: 'GET', path: `/${'a'.repeat(60_000)}` }).verdict).toBe('allow');
  });
});
