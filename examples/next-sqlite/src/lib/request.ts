/** What is wrong with a request, in words for the one who sent it. */
export class BadRequest extends Error {}

/** The JSON object in the body of a request. */
export async function readBody(request: Request): Promise<Record<string, unknown>> {
  const body: unknown = await request.json().catch(() => undefined);
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new BadRequest("The body must be a JSON object.");
  }
  return body as Record<string, unknown>;
}

export function readText(body: Record<string, unknown>, key: string): string {
  const value = body[key];
  if (typeof value !== "string" || value.trim() === "") throw new BadRequest(`"${key}" must be a text.`);
  return value.trim();
}

export function readCount(body: Record<string, unknown>, key: string): number {
  const value = body[key];
  if (typeof value !== "number" || !Number.isInteger(value) || value < 1) {
    throw new BadRequest(`"${key}" must be a whole number above 0.`);
  }
  return value;
}

/** Answers 400 to a `BadRequest`, and 201 with what the handler made. */
export async function create(request: Request, handler: (body: Record<string, unknown>) => unknown): Promise<Response> {
  try {
    return Response.json(handler(await readBody(request)), { status: 201 });
  } catch (error) {
    if (error instanceof BadRequest) return Response.json({ error: error.message }, { status: 400 });
    throw error;
  }
}
