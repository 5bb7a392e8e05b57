// Which view the stage shows.

import { byId } from "./dom.js";
import { photoView, welcomeView } from "./easel.js";
import { endedView } from "./ended.js";
import { follow, hasEnded } from "./follow.js";
import { liveView } from "./live.js";
import { say } from "./notices.js";
import { resultView } from "./result.js";
import { STATUS } from "./words.js";

/** Make the stage; it shows the job that is open, else the photo, else a welcome. */
export function makeStage(studio) {
  const box = byId("stage");
  let view = { stop() {} };
  let followed = null;

  function show(next, name) {
    view.stop?.();
    view = next;
    box.dataset.view = name;
    const focused = box.contains(document.activeElement);
    box.replaceChildren(...view.elements);
    if (focused) box.focus({ preventScroll: true });
  }

  function showEasel() {
    const photo = studio.photo.get();
    if (photo) show(photoView(studio, photo), "photo");
    else show(welcomeView(studio), "welcome");
  }

  function showEnd(job) {
    const painted = job.status === "succeeded" && !job.expired;
    show(painted ? resultView(studio, job) : endedView(studio, job), painted ? "result" : "ended");
  }

  function close() {
    followed?.stop();
    followed = null;
    showTitle(null);
    showEasel();
  }

  function open(job) {
    followed?.stop();
    followed = null;
    if (hasEnded(job)) return showEnd(job);
    const live = liveView(studio, job);
    show(live, "live");
    studio.colours.then((colours) => colours && live.fillBar(colours));
    const mine = (followed = follow(studio, job));
    const draw = eachFrame(() => live.update(mine.get()));
    mine.watch((state) => {
      draw();
      showTitle(state);
    });
    return mine.finished.then(() => end(mine), (error) => { if (followed === mine) lose(error); });
  }

  function lose(error) {
    studio.failed(error);
    if (error.status === 404) studio.startAnew(); // it was deleted elsewhere
  }

  function end(mine) {
    if (followed !== mine) return;
    const { job } = mine.get();
    followed = null;
    showTitle({ job });
    showEnd(job);
    say(job.status === "succeeded" ? "The picture is finished." : `The job has ended: ${job.status}.`);
    studio.ended(job);
  }

  studio.photo.watch(() => { if (!followed && !["result", "ended"].includes(box.dataset.view)) showEasel(); });
  return { open, close, showEasel };
}

/** Do something at most once for each picture that the screen shows. */
function eachFrame(work) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      work();
    });
  };
}

/** Tell of the job in the title, for those who went to another tab. */
function showTitle(state) {
  const progress = state?.progress;
  const share = progress?.total ? `${Math.floor((100 * progress.iteration) / progress.total)} %` : null;
  const words = state && (hasEnded(state.job) ? STATUS[state.job.status] : (share ?? STATUS[state.job.status]));
  document.title = words ? `${words} · nst studio` : "nst studio";
}
