// The views of a job, in one module so that they are loaded together.

export { failureView } from "./failure_view.js";
export { resultView } from "./result_view.js";
export { runningView } from "./running_view.js";
