// Sends requests to the API.

/** The service refused a request. `message` says why; `fields` lists the parts of the request that are wrong. */
export class ApiError extends Error {
  constructor(status, problem, retryAfter) {
    super(problem.detail || problem.title || `The service answered with status ${status}.`);
    this.status = status;
    this.fields = problem.errors ?? [];
    this.retryAfter = retryAfter;
  }
}

/** The service did not respond. */
export class NetworkError extends Error {
  constructor() {
    super("The service is not responding.");
  }
}

/** Create a client; it sends the API key and reports to `connection` whether the service responds. */
export function createClient({ apiKey, connection }) {
  async function request(path, { headers = {}, ...options } = {}) {
    const secret = apiKey.get();
    const authorization = secret ? { Authorization: `Bearer ${secret}` } : {};
    let response;
    try {
      response = await fetch(path, { cache: "no-cache", ...options, headers: { ...headers, ...authorization } });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      connection.reportFailure();
      throw new NetworkError();
    }
    connection.reportSuccess();
    if (response.ok) return response;
    if (response.status === 401) apiKey.reject(secret);
    throw await apiError(response);
  }

  return {
    request,
    json: async (path, options) => (await request(path, options)).json(),
    blob: async (path, options) => (await request(path, options)).blob(),
  };
}

async function apiError(response) {
  // A proxy may answer with a page of its own instead of JSON.
  const problem = await response.json().catch(() => ({}));
  return new ApiError(response.status, problem, Number(response.headers.get("Retry-After")) || null);
}
