#include "test.h"

#include "crossgate/base/loop.h"

#include <string.h>
#include <unistd.h>

struct step {
    struct task task;
    struct loop *loop;
    enum loop_phase again_in;
    int again; /* how often it defers itself once more */
    struct step *other;
    enum loop_phase other_in;
    char name;
    char *trace;
};

static void run(struct task *task)
{
    struct step *step = CONTAINER_OF(task, struct step, task);
    step->trace[strlen(step->trace)] = step->name;
    if (step->again-- > 0)
        loop_defer(step->loop, step->again_in, &step->task);
    if (step->other)
        loop_defer(step->loop, step->other_in, &step->other->task);
}

static struct log log_object;
static struct counters counters;

static void start(struct loop *loop)
{
    log_init(&log_object, STDERR_FILENO, LOG_ERROR, "test");
    assert_true(loop_init(loop, NULL, &log_object, &counters));
}

static void phases_run_in_order_until_nothing_waits(void **state)
{
    (void)state;
    struct loop loop;
    char trace[32] = "";
    start(&loop);
    struct step flush = {.loop = &loop, .name = 'f', .trace = trace};
    struct step bury = {.loop = &loop, .name = 'b', .trace = trace, .other = &flush, .other_in = PHASE_FLUSH};
    struct step settle = {.loop = &loop,
                          .name = 's',
                          .trace = trace,
                          .again_in = PHASE_SETTLE,
                          .again = 2,
                          .other = &flush,
                          .other_in = PHASE_FLUSH};
    task_init(&flush.task, run);
    task_init(&bury.task, run);
    task_init(&settle.task, run);
    loop_defer(&loop, PHASE_BURY, &bury.task);
    loop_defer(&loop, PHASE_FLUSH, &flush.task);
    loop_defer(&loop, PHASE_SETTLE, &settle.task);
    loop_defer(&loop, PHASE_SETTLE, &settle.task); /* waits already */
    loop_settle(&loop);
    assert_string_equal(trace, "sssf");
    loop_bury(&loop);
    assert_string_equal(trace, "sssfbf");
    loop_deinit(&loop);
}

static void a_cancelled_task_does_not_run(void **state)
{
    (void)state;
    struct loop loop;
    char trace[8] = "";
    start(&loop);
    struct step step = {.loop = &loop, .name = 'x', .trace = trace};
    task_init(&step.task, run);
    task_cancel(&step.task);
    loop_defer(&loop, PHASE_SETTLE, &step.task);
    task_cancel(&step.task);
    loop_settle(&loop);
    assert_string_equal(trace, "");
    loop_deinit(&loop);
}

static void endings_are_counted(void **state)
{
    (void)state;
    struct loop loop;
    start(&loop);
    uint64_t before = counters.endings[ENDING_HEAD_LATE];
    loop_report(&loop, ENDING_HEAD_LATE, NULL, NULL);
    assert_int_equal(counters.endings[ENDING_HEAD_LATE], before + 1);
    loop_deinit(&loop);
}

static void peers_are_printed(void **state)
{
    (void)state;
    char text[PEER_TEXT];
    struct peer v4 = {.family = PEER_IPV4, .port = 443, .ip = {192, 0, 2, 1}};
    struct peer v6 = {.family = PEER_IPV6, .port = 443, .ip = {0x20, 1, 0xd, 0xb8, [15] = 1}};
    struct peer local = {.family = PEER_UNIX};
    peer_print(&v4, text);
    assert_string_equal(text, "192.0.2.1:443");
    peer_print(&v6, text);
    assert_string_equal(text, "[2001:db8::1]:443");
    peer_print_host(&v6, text);
    assert_string_equal(text, "2001:db8::1");
    peer_print(&local, text);
    assert_string_equal(text, "unix");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(phases_run_in_order_until_nothing_waits),
        cmocka_unit_test(a_cancelled_task_does_not_run),
        cmocka_unit_test(endings_are_counted),
        cmocka_unit_test(peers_are_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
