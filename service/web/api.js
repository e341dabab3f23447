// Calls of the service: JSON in, JSON out; every failure is an Error that can be shown.

/** What the service answered instead of an answer (RFC 9457), or that it did not answer. */
export class Problem extends Error {
  constructor(title, detail, code, retryAfterS) {
    super(detail);
    this.title = title;
    this.code = code;
    this.retryAfterS = retryAfterS;
  }
}

export const timings = (header) =>
  Object.fromEntries(
    (header || "").split(",").map((part) => {
      const [name, duration] = part.trim().split(";dur=");
      return [name, Number(duration)];
    }),
  );

/** {body, ms, stages}: the answer, how long it took here, and where the service spent its part. */
export async function ask(path, { method = "GET", body } = {}) {
  const started = performance.now();
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: body === undefined ? {} : { "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Problem("No answer", "The service cannot be reached.", "unreachable", 2);
  }
  const answer = await response.json().catch(() => null);
  if (!response.ok) {
    const retryAfterS = Number(response.headers.get("retry-after")) || null;
    throw new Problem(
      answer?.title || `Status ${response.status}`,
      answer?.detail || "The answer cannot be read.",
      answer?.code || "unreadable",
      retryAfterS,
    );
  }
  if (answer === null) throw new Problem("Unreadable", "The answer cannot be read.", "unreadable", null);
  return { body: answer, ms: performance.now() - started, stages: timings(response.headers.get("server-timing")) };
}

/** Ask again while the service says that it is not ready yet, for a minute at most. */
export async function askUntilReady(path, onWait) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await ask(path);
    } catch (problem) {
      const waits = ["not_ready", "map_not_ready", "overloaded"].includes(problem.code);
      if (!waits || attempt >= 30) throw problem;
      onWait(problem);
      await new Promise((resolve) => setTimeout(resolve, 1000 * (problem.retryAfterS || 1)));
    }
  }
}
