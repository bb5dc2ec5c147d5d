/**
 * HTTP in OpenAI's language: routes under `/v1`, and around them what every answer has in common.
 *
 * Each answer carries the request's id, the time it took and the organisation; errors of any origin leave through
 * `errors.ts`. Routes translate and decide nothing: parse, call a room, answer.
 */

import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Door } from '../access/keyring.ts';
import { invalid, notFound, TunesmithError } from '../domain/errors.ts';
import { newRequestId } from '../domain/ids.ts';
import type { House } from '../house.ts';
import { grantAccess } from './access.ts';
import { checkOrigin, checkSite, corsHeaders, openDoor } from './auth.ts';
import { dashboardRoutes } from './dashboard.ts';
import { answerTo, answerToBrokenHttp } from './errors.ts';
import { noteTokens, observationRoutes, observeRequests } from './observe.ts';
import { rememberAnswers } from './idempotency.ts';
import { limitRates } from './rate-limit.ts';
import { answeringOf } from './batch-answers.ts';
import { runRoomsOf } from './eval-rooms.ts';
import { finalAnswersOf } from './final-answers.ts';
import { RouteTable } from './route-table.ts';
import { checkpointPermissionRoutes } from './routes/checkpoint-permissions.ts';
import { batchRoutes } from './routes/batches.ts';
import { baseModelRoutes } from './routes/base-models.ts';
import { chatRoutes } from './routes/chat.ts';
import { completionRoutes } from './routes/completions.ts';
import { embeddingRoutes } from './routes/embeddings.ts';
import { evalRoutes } from './routes/evals.ts';
import { fileExampleRoutes } from './routes/file-examples.ts';
import { fileRoutes } from './routes/files.ts';
import { fineTunedModelRoutes } from './routes/fine-tuned-models.ts';
import { fineTuningRoutes } from './routes/fine-tuning.ts';
import { graderRoutes } from './routes/graders.ts';
import { openaiCaptureRoutes } from './routes/openai-captures.ts';
import { openApiRoutes } from './routes/openapi.ts';
import { organizationRoutes } from './routes/organization.ts';
import { modelAliasRoutes } from './routes/model-aliases.ts';
import { modelRoutes } from './routes/models.ts';
import { reportRoutes } from './routes/reports.ts';
import { responseRoutes } from './routes/responses.ts';
import { sampleFileRoutes } from './routes/sample-files.ts';
import { sessionRoutes } from './routes/session.ts';
import { systemRoutes } from './routes/system.ts';
import { webhookRoutes } from './routes/webhooks.ts';
import { taskRoutes } from './routes/tasks.ts';
import { uploadRoutes } from './routes/uploads.ts';

/** Azure's clients have the same API below other paths; a deployment is a model, which their bodies name too. */
const azurePath = /^\/openai(?:\/v1|\/deployments\/[^/]+)?(?=\/)/;

const bodyBytesMax = 16 * 2 ** 20;
/** How long answers underway may take once the server is closing. */
const closingMs = 5000;

export function createApp(house: House): FastifyInstance {
  const { settings, log } = house;
  const app = fastify({
    logger: false,
    genReqId: newRequestId,
    requestIdHeader: false,
    bodyLimit: bodyBytesMax,
    rewriteUrl: ({ url }) => url!.replace(azurePath, '/v1'),
    routerOptions: { ignoreTrailingSlash: true, ignoreDuplicateSlashes: true, maxParamLength: 1000 },
    clientErrorHandler: (error, socket) => {
      if (socket.writable) socket.end(answerToBrokenHttp(error, newRequestId()));
    },
    frameworkErrors: (error, request, reply) => {
      commonHeaders(request, reply, house);
      answerError(error, request, reply);
    },
  });
  const table = new RouteTable(app);
  const doors = new WeakMap<FastifyRequest, Door>();

  observeRequests(app, house);
  app.addHook('onRequest', async (request, reply) => {
    commonHeaders(request, reply, house);
    const door = await house.keyring.look();
    doors.set(request, door);
    checkOrigin(request.headers, door, settings.corsOrigins);
    reply.headers(corsHeaders(request.headers, door, settings.corsOrigins));
    checkClientRequestId(request);
  });
  app.addHook('onSend', async (_request, reply) => {
    reply.header('openai-processing-ms', String(Math.round(reply.elapsedTime)));
  });

  app.addHook('preClose', async () => {
    const patience = setTimeout(() => app.server.closeAllConnections(), closingMs).unref();
    await house.taskRunner[Symbol.asyncDispose](); // tasks speak to this server
    app.server.once('close', () => clearTimeout(patience));
  });

  app.setErrorHandler((error, request, reply) => answerError(error, request, reply));
  app.setNotFoundHandler((request, reply) => {
    if (request.method === 'OPTIONS') return answerPreflight(request, reply);
    throw wrongAddress(request, reply, table);
  });
  readJsonBodies(app);

  observationRoutes(app, house, (request) => openDoor(request.headers, doors.get(request)!, house.sessions));
  sessionRoutes(app, house, (request) => doors.get(request)!);
  openApiRoutes(app, table);
  reportRoutes(app, house);
  dashboardRoutes(app);
  app.register(
    async (v1) => {
      v1.addHook('onRequest', async (request) => {
        const access = await openDoor(request.headers, doors.get(request)!, house.sessions);
        checkSite(request.headers);
        await house.keyring.used(access);
        grantAccess(request, { ...access, onSpent: (tokens) => noteTokens(request, tokens) });
      });
      limitRates(v1, house.limits);
      rememberAnswers(v1, house);
      fileRoutes(v1, house);
      fileExampleRoutes(v1, house);
      uploadRoutes(v1, house);
      modelRoutes(v1, house);
      baseModelRoutes(v1, house);
      fineTunedModelRoutes(v1, house);
      fineTuningRoutes(v1, house);
      checkpointPermissionRoutes(v1, house);
      chatRoutes(v1, house);
      responseRoutes(v1, house);
      completionRoutes(v1, house);
      embeddingRoutes(v1, house);
      batchRoutes(v1, house);
      evalRoutes(v1, house);
      graderRoutes(v1, house);
      openaiCaptureRoutes(v1, house);
      webhookRoutes(v1, house);
      taskRoutes(v1, house);
      systemRoutes(v1, house);
      organizationRoutes(v1, house);
      modelAliasRoutes(v1, house);
      sampleFileRoutes(v1, house);
    },
    { prefix: '/v1' },
  );
  if (house.works) {
    house.batchWorker.start(answeringOf(house));
    house.evalRunWorker.start(runRoomsOf(house));
  }
  house.finalMetrics.start(finalAnswersOf(house));
  return app;

  function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const { status, headers, body, unforeseen } = answerTo(error, request.id);
    const facts = { id: request.id, method: request.method, path: pathOf(request), error };
    if (unforeseen) log.error('request.failed', facts);
    void reply.status(status).headers(headers).send(body);
  }
}

function commonHeaders(request: FastifyRequest, reply: FastifyReply, { settings }: House): void {
  void reply.headers({
    'x-request-id': request.id,
    'openai-version': '2020-10-01',
    'openai-organization': settings.organization,
    'openai-processing-ms': '0', // until the answer is ready
    vary: 'Origin',
    'x-content-type-options': 'nosniff',
  });
}

function checkClientRequestId(request: FastifyRequest): void {
  const id = request.headers['x-client-request-id'];
  if (typeof id === 'string' && (id.length > 512 || !/^[\x20-\x7e]*$/.test(id)))
    throw invalid(
      'X-Client-Request-Id',
      `Invalid X-Client-Request-Id: expected at most 512 ASCII characters, found ${id.length > 512 ? id.length : 'others'}.`,
    );
}

/** JSON whatever its content type says about charset; a request without a body has none, whatever its type. */
function readJsonBodies(app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser('remove', 'ignore');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, text, done) => {
    if (text.length === 0) done(null, undefined);
    else void parseJson(request, text as string, done);
  });
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (request, bytes, done) => {
    if (bytes.length === 0) return done(null, undefined);
    const type = request.headers['content-type'];
    const message = `Unsupported content type: found ${type === undefined ? 'none' : `'${type}'`}, expected 'application/json'.`;
    done(invalid(null, message, 'unsupported_content_type'));
  });
}

function answerPreflight(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return reply
    .status(204)
    .headers({
      'access-control-allow-methods': 'GET, POST, DELETE, OPTIONS',
      'access-control-allow-headers': request.headers['access-control-request-headers'] ?? '*',
      'access-control-max-age': '600',
    })
    .send();
}

function wrongAddress(request: FastifyRequest, reply: FastifyReply, table: RouteTable): TunesmithError {
  const path = pathOf(request);
  const methods = table.methodsAt(path);
  if (methods.length === 0) return notFound(null, `Invalid URL (${request.method} ${path})`);
  void reply.header('allow', methods.join(', '));
  return new TunesmithError(
    'method_not_allowed',
    `Not allowed to ${request.method} on ${path}. Allowed here: ${methods.join(', ')}.`,
    { code: 'method_not_supported' },
  );
}

/** Queries can hold what does not belong in logs and messages. */
const pathOf = (request: FastifyRequest): string => request.url.split('?', 1)[0]!;
