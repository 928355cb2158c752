// What the test debugs: with symbols, without optimization, with a thread.
#include <unistd.h>

#include <cstdio>
#include <thread>

namespace {

int answer = 41;

void think() {
  answer++;
}

[[gnu::noinline]] void say(int value) {
  std::printf("answer %d\n", value);
  std::fflush(stdout);
}

}  // namespace

int main() {
  std::thread thinker(think);
  thinker.join();
  const char well = 1;  // to its launcher, as ever
  (void)!::write(3, &well, 1);
  say(answer);
  return 5;
}
