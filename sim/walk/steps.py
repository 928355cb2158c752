"""Shows steps with times to a person while they happen, and keeps them for a JSON file."""
import contextlib
import json
import sys
import threading
import time


class StepFailed(Exception):
    """A step did not hold. `next_step` tells the person what to do."""

    def __init__(self, reason, next_step=""):
        super().__init__(reason)
        self.next_step = next_step


class Steps:
    """Numbered steps. On a terminal a running step shows its age; elsewhere it is one line when done."""

    def __init__(self, out=sys.stdout):
        self.out = out
        self.records = []
        self.live = out.isatty()
        self.started = time.monotonic()

    def title(self, text):
        print(f"\n{text}", file=self.out, flush=True)

    @contextlib.contextmanager
    def step(self, name):
        """with steps.step("server up") as facts: facts["url"] = ... ; the facts are shown and recorded."""
        facts = {}
        begin = time.monotonic()
        done = threading.Event()
        ticker = threading.Thread(target=self._tick, args=(name, begin, done), daemon=True)
        ticker.start()
        failure = None
        try:
            yield facts
        except KeyboardInterrupt as error:
            failure = error
        except Exception as error:  # a step fails with its reason, whatever raised it
            failure = error if isinstance(error, StepFailed) else StepFailed(f"{type(error).__name__}: {error}")
        done.set()
        ticker.join()
        seconds = time.monotonic() - begin
        record = {"step": name, "ok": failure is None, "seconds": round(seconds, 3), "facts": facts}
        self.records.append(record)
        if failure is None:
            self._line("ok", name, seconds, facts.get("shown", ""))
            return
        self._line("FAILED", name, seconds, "")
        if isinstance(failure, StepFailed):
            record["reason"] = str(failure)
            print(f"       why:  {failure}", file=self.out)
            if failure.next_step:
                print(f"       next: {failure.next_step}", file=self.out)
        self.out.flush()
        raise failure

    def _tick(self, name, begin, done):
        # A person who waits for more than two seconds sees that something happens; a log gets a line
        # every 30 seconds.
        while not done.wait(0.5 if self.live else 30):
            age = time.monotonic() - begin
            if self.live:
                print(f"\r  ...  {name:<34} {age:6.1f} s", end="", file=self.out, flush=True)
            else:
                print(f"  ...  {name:<34} {age:6.1f} s", file=self.out, flush=True)

    def _line(self, mark, name, seconds, shown):
        start = "\r\x1b[K" if self.live else ""
        print(f"{start}  {mark:<6} {name:<34} {seconds:6.1f} s   {shown}".rstrip(), file=self.out, flush=True)

    def write_json(self, path, extra):
        report = {"ok": all(r["ok"] for r in self.records),
                  "seconds": round(time.monotonic() - self.started, 3), "steps": self.records, **extra}
        with open(path, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=2)
            file.write("\n")


def wait_until(probe, timeout_s, what, next_step="", interval_s=0.2):
    """Calls probe() until it returns something true; that is the result."""
    deadline = time.monotonic() + timeout_s
    while True:
        result = probe()
        if result:
            return result
        if time.monotonic() > deadline:
            raise StepFailed(f"{what} did not happen within {timeout_s} s", next_step)
        time.sleep(interval_s)
