/**
 * One OpenTelemetry span per request, sent to where OTEL_EXPORTER_OTLP_ENDPOINT says; without it nothing is loaded.
 *
 * A request that carries a `traceparent` becomes part of its caller's trace. Names and attributes follow the semantic
 * conventions for HTTP servers and for generative AI.
 */

import type { Attributes, Context, Span, Tracer } from '@opentelemetry/api';
import { invalid } from '../domain/errors.ts';
import type { TokenFacts } from './metrics.ts';

export interface Tracing extends AsyncDisposable {
  /** A span for a request that has just come in. */
  begin(method: string, path: string, traceparent: string | undefined): Trace;
}

export interface Trace {
  end(facts: { route: string; status: number; requestId: string; tokens: TokenFacts | null }): void;
}

/** `endpoint` is the base address of an OTLP/HTTP receiver. */
export async function openTracing(endpoint: string): Promise<Tracing> {
  const { api, trace, exporter, resources } = await load();
  const provider = new trace.NodeTracerProvider({
    resource: resources.resourceFromAttributes({ 'service.name': 'tunesmith' }),
    spanProcessors: [
      new trace.BatchSpanProcessor(
        new exporter.OTLPTraceExporter({ url: `${endpoint.replace(/\/+$/, '')}/v1/traces` }),
      ),
    ],
  });
  const tracer = provider.getTracer('tunesmith');
  return {
    begin: (method, path, traceparent) => new RequestTrace(api, tracer, method, path, callerOf(api, traceparent)),
    [Symbol.asyncDispose]: () => provider.shutdown().catch(() => undefined), // a receiver that is gone loses the last spans
  };
}

type Api = typeof import('@opentelemetry/api');

async function load() {
  try {
    const [api, trace, exporter, resources] = await Promise.all([
      import('@opentelemetry/api'),
      import('@opentelemetry/sdk-trace-node'),
      import('@opentelemetry/exporter-trace-otlp-http'),
      import('@opentelemetry/resources'),
    ]);
    return { api, trace, exporter, resources };
  } catch (cause) {
    throw invalid(
      'OTEL_EXPORTER_OTLP_ENDPOINT',
      `OTEL_EXPORTER_OTLP_ENDPOINT is set, but the OpenTelemetry packages were not installed (${(cause as Error).message}). Install Tunesmith with its optional packages, or unset it.`,
      'invalid_setting',
    );
  }
}

/** W3C Trace Context: version, trace id, span id, flags. */
const traceparentShape = /^[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})$/;

function callerOf(api: Api, traceparent: string | undefined): Context {
  const [, traceId, spanId, flags] = traceparentShape.exec(traceparent ?? '') ?? [];
  if (traceId === undefined || spanId === undefined) return api.ROOT_CONTEXT;
  const context = { traceId, spanId, traceFlags: Number.parseInt(flags!, 16), isRemote: true };
  return api.trace.setSpanContext(api.ROOT_CONTEXT, context);
}

class RequestTrace implements Trace {
  readonly #api: Api;
  readonly #span: Span;
  readonly #method: string;

  constructor(api: Api, tracer: Tracer, method: string, path: string, caller: Context) {
    const attributes = { 'http.request.method': method, 'url.path': path };
    this.#api = api;
    this.#method = method;
    this.#span = tracer.startSpan(method, { kind: api.SpanKind.SERVER, attributes }, caller);
  }

  end({ route, status, requestId, tokens }: Parameters<Trace['end']>[0]): void {
    this.#span.updateName(`${this.#method} ${route}`);
    const attributes: Attributes = {
      'http.route': route,
      'http.response.status_code': status,
      'tunesmith.request_id': requestId,
    };
    if (tokens !== null) {
      attributes['gen_ai.request.model'] = tokens.model;
      attributes['gen_ai.usage.input_tokens'] = tokens.promptTokens;
      attributes['gen_ai.usage.output_tokens'] = tokens.completionTokens;
    }
    this.#span.setAttributes(attributes);
    if (status >= 500) this.#span.setStatus({ code: this.#api.SpanStatusCode.ERROR });
    this.#span.end();
  }
}
