// An OpenID provider for the tests: public client, PKCE, login with a code, refresh tokens that
// are replaced at each use. Arguments: port, folder that has node_modules/oidc-provider.
// POST /test/say?user_code=X&answer=yes|no does what a person does on the pages.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [port, folder] = process.argv.slice(2);
const where = createRequire(`${folder}/x.js`).resolve('oidc-provider');
const { Provider } = await import(pathToFileURL(where));
const front = '/auth/realms/lab';
const device = 'urn:ietf:params:oauth:grant-type:device_code';
const provider = new Provider(`http://127.0.0.1:${port}${front}`, {
  clients: [{
    client_id: 'phenoai-test', token_endpoint_auth_method: 'none', application_type: 'native',
    grant_types: [device, 'refresh_token'], response_types: [], redirect_uris: [],
  }],
  features: {
    deviceFlow: { enabled: true }, devInteractions: { enabled: false },
    revocation: { enabled: true }, introspection: { enabled: false },
  },
  scopes: ['openid', 'offline_access'],
  ttl: { AccessToken: 20, DeviceCode: 600, RefreshToken: 3600, Grant: 3600, IdToken: 3600 },
  rotateRefreshToken: true,
  issueRefreshToken: async () => true,
  findAccount: async (_, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
  cookies: { keys: ['test'] },
});

async function say(query) {
  const typed = query.get('user_code').toUpperCase().replace(/\W/g, '');
  const code = await provider.DeviceCode.findByUserCode(typed);
  if (query.get('answer') === 'no') {
    Object.assign(code, { error: 'access_denied', errorDescription: 'no' });
  } else {
    const grant = new provider.Grant({ accountId: 'ann', clientId: code.clientId });
    grant.addOIDCScope(code.params.scope);
    Object.assign(code, {
      accountId: 'ann', grantId: await grant.save(), scope: code.params.scope,
      authTime: Math.floor(Date.now() / 1000),
    });
  }
  await code.save();
}

const answer = provider.callback();
createServer(async (request, response) => {
  const url = new URL(request.url, 'http://127.0.0.1');
  if (url.pathname === '/test/say') {
    await say(url.searchParams);
    response.end();
  } else if (url.pathname.startsWith(front)) {
    request.originalUrl = request.url;
    request.url = request.url.slice(front.length) || '/';
    answer(request, response);
  } else {
    response.statusCode = 404;
    response.end();
  }
}).listen(Number(port), '127.0.0.1', () => console.log('up'));
