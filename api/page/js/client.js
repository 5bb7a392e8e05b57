// Talking to the API: key, problems, and whether the service can be reached.

/** The service refused; `detail` says why for people, `fields` which parts of the request. */
export class Refusal extends Error {
  constructor(status, problem, retryAfter) {
    super(problem.detail || problem.title || `The service answered ${status}.`);
    this.status = status;
    this.code = problem.code ?? "";
    this.fields = problem.errors ?? [];
    this.retryAfter = retryAfter;
  }
}

/** The service does not answer. */
export class Unreachable extends Error {
  constructor() {
    super("The service does not answer.");
  }
}

/** Make a client; `key` holds the API key and is told of refusals, `connection` of failures. */
export function makeClient({ key, connection }) {
  async function request(path, { headers = {}, ...options } = {}) {
    const secret = key.get();
    const sent = secret ? { ...headers, Authorization: `Bearer ${secret}` } : headers;
    let response;
    try {
      response = await fetch(path, { cache: "no-cache", ...options, headers: sent });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      connection.lost();
      throw new Unreachable();
    }
    connection.found();
    if (response.ok || response.status === 304) return response;
    const error = await refusal(response);
    if (error.status === 401) key.refused(secret);
    throw error;
  }

  return {
    request,
    json: async (path, options) => (await request(path, options)).json(),
    blob: async (path, options) => (await request(path, options)).blob(),
  };
}

async function refusal(response) {
  let problem = {};
  try {
    problem = await response.json();
  } catch {
    // A proxy in between answers with pages of its own.
  }
  return new Refusal(response.status, problem, Number(response.headers.get("Retry-After")) || null);
}
