// An OpenID provider for the tests (npm oidc-provider) on loopback: tokens by password and by client
// credentials, signed ones and opaque ones with introspection. What a token shall be like, the
// request's headers say: x-test-alg, x-test-ttl, x-test-audience.
import http from 'node:http';
import { Provider, errors } from 'oidc-provider';
import { exportJWK, generateKeyPair } from 'jose';

const port = Number(process.argv[2]);
const issuer = `http://127.0.0.1:${port}`;
const passwords = { 'anna@example.org': 'anna-pw', 'ben@example.org': 'ben-pw' };

async function key(alg, kid) {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  return { ...(await exportJWK(privateKey)), alg, kid, use: 'sig' };
}

function resource(ctx, id) {
  if (!['urn:imap', 'urn:web', 'urn:imap-opaque'].includes(id)) throw new errors.InvalidTarget();
  const opaque = id === 'urn:imap-opaque';
  return {
    scope: 'mail.imap mail.app',
    audience: id,
    accessTokenTTL: Number(ctx.get('x-test-ttl') || 600),
    accessTokenFormat: opaque ? 'opaque' : 'jwt',
    jwt: opaque ? undefined : { sign: { alg: ctx.get('x-test-alg') || 'RS256' } },
  };
}

const provider = new Provider(issuer, {
  jwks: { keys: [await key('RS256', 'r1'), await key('ES256', 'e1'), await key('PS256', 'p1')] },
  clients: [
    {
      client_id: 'mail-client',
      token_endpoint_auth_method: 'none',
      application_type: 'native',
      redirect_uris: ['http://127.0.0.1/cb'],
      response_types: ['code'],
      grant_types: ['authorization_code', 'password'],
    },
    ...['robot', 'stranger'].map((name) => ({
      client_id: name,
      client_secret: `${name}-secret`,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
    })),
    {
      client_id: 'imap-server',
      client_secret: 'server-secret',
      grant_types: [],
      redirect_uris: [],
      response_types: [],
    },
  ],
  scopes: ['openid'],
  features: {
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: (ctx, c) => c.clientId === 'imap-server' },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => 'urn:imap',
      useGrantedResource: () => true,
      getResourceServerInfo: resource,
    },
  },
  extraTokenClaims: (ctx, token) => token.accountId && { preferred_username: token.accountId },
  findAccount: (ctx, id) => passwords[id] && { accountId: id, claims: async () => ({ sub: id }) },
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
});

async function byPassword(ctx) {
  const { username, password, scope } = ctx.oidc.params;
  if (passwords[username] !== password) throw new errors.InvalidGrant('wrong password');
  const id = ctx.oidc.params.resource || 'urn:imap';
  const server = new provider.ResourceServer(id, resource(ctx, id));
  const grant = new provider.Grant({ accountId: username, clientId: ctx.oidc.client.clientId });
  grant.addResourceScope(server.identifier(), scope || 'mail.imap');
  const token = new provider.AccessToken({
    accountId: username,
    client: ctx.oidc.client,
    grantId: await grant.save(),
    gty: 'password',
    resourceServer: server,
    scope: scope || 'mail.imap',
    aud: server.audience,
  });
  token.resourceServer = server;
  ctx.oidc.entity('AccessToken', token);
  ctx.body = { access_token: await token.save(), token_type: 'Bearer' };
}
provider.registerGrantType('password', byPassword, ['username', 'password', 'scope', 'resource'], [
  'resource',
]);
http.createServer(provider.callback()).listen(port, '127.0.0.1', () => console.log('ready'));
