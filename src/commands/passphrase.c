#include "passphrase.h"

#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

void passphrase_wipe(struct passphrase *passphrase)
{
    explicit_bzero(passphrase, sizeof *passphrase);
}

static struct span first_line(const struct input *input)
{
    struct span line = span_of(input->at, input->len);
    const uint8_t *end = memchr(line.at, '\n', line.len);
    if (end)
        line = span_head(line, (size_t)(end - line.at));
    return line.len > 0 && line.at[line.len - 1] == '\r' ? span_head(line, line.len - 1) : line;
}

static bool read_file(struct passphrase *passphrase, const char *path, struct error *error)
{
    struct input input;
    if (!input_read(path, 64 * 1024, &input, error))
        return false;
    struct span line = first_line(&input);
    bool worked = line.len > 0 && line.len <= PASSPHRASE_MAX;
    if (worked) {
        memcpy(passphrase->text, line.at, line.len);
        passphrase->len = line.len;
    } else {
        error_set(error, ERROR_INPUT, "the first line of %s is %s a passphrase", path,
                  line.len == 0 ? "empty, and should be" : "too long for");
    }
    input_free(&input);
    return worked;
}

/* The terminal while a passphrase is typed: without an echo, and with signals as events, so that the echo comes back before one has
 * its way. */
struct terminal {
    int file;
    int signals;
    struct termios before;
    sigset_t mask;
};

static void close_terminal(struct terminal *terminal)
{
    tcsetattr(terminal->file, TCSAFLUSH, &terminal->before);
    if (terminal->signals >= 0)
        close(terminal->signals);
    sigprocmask(SIG_SETMASK, &terminal->mask, NULL);
    close(terminal->file);
}

static bool open_terminal(struct terminal *terminal, struct error *error)
{
    static const int caught[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
    sigset_t set;
    terminal->file = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (terminal->file < 0 || tcgetattr(terminal->file, &terminal->before) < 0) {
        error_set(error, ERROR_INPUT, "there is no terminal to ask for the passphrase: --passphrase-file FILE");
        if (terminal->file >= 0)
            close(terminal->file);
        return false;
    }
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof caught / sizeof caught[0]; i++)
        sigaddset(&set, caught[i]);
    sigprocmask(SIG_BLOCK, &set, &terminal->mask);
    terminal->signals = signalfd(-1, &set, SFD_CLOEXEC);
    struct termios silent = terminal->before;
    silent.c_lflag = (silent.c_lflag & ~(tcflag_t)ECHO) | ICANON | ISIG | ECHONL;
    if (terminal->signals >= 0 && tcsetattr(terminal->file, TCSAFLUSH, &silent) == 0)
        return true;
    error_set_errno(error, "the terminal cannot be kept from showing the passphrase");
    close_terminal(terminal);
    return false;
}

/* One line: a canonical terminal gives it whole. */
static bool read_line(const struct terminal *terminal, struct passphrase *passphrase, struct error *error)
{
    ssize_t got = read(terminal->file, passphrase->text, sizeof passphrase->text);
    bool whole = got > 0 && passphrase->text[got - 1] == '\n';
    passphrase->len = whole ? (size_t)got - 1 : 0;
    if (passphrase->len > 0)
        return true;
    error_set(error, ERROR_INPUT, got > PASSPHRASE_MAX ? "the passphrase is too long" : "no passphrase was given");
    return false;
}

/* Waits for a line or a signal, which it returns; 0: a line is there, or there will be none. */
static int wait_for_line(const struct terminal *terminal)
{
    struct pollfd wait[] = {{terminal->file, POLLIN, 0}, {terminal->signals, POLLIN, 0}};
    struct signalfd_siginfo info;
    while (poll(wait, 2, -1) < 0 && errno == EINTR)
        ;
    if (wait[1].revents != 0 && read(terminal->signals, &info, sizeof info) == sizeof info)
        return (int)info.ssi_signo;
    return 0;
}

/* A signal is obeyed with the terminal as it was; whoever comes back from Ctrl-Z is asked again. */
static bool ask(struct passphrase *passphrase, const char *question, const char *what, struct error *error)
{
    struct terminal terminal;
    while (open_terminal(&terminal, error)) {
        dprintf(terminal.file, "%s of %s: ", question, what);
        int number = wait_for_line(&terminal);
        bool worked = number == 0 && read_line(&terminal, passphrase, error);
        close_terminal(&terminal);
        if (number == 0)
            return worked;
        raise(number);
    }
    return false;
}

static bool ask_twice(struct passphrase *passphrase, const char *what, struct error *error)
{
    struct passphrase again = {.len = 0};
    bool worked =
        ask(passphrase, "New passphrase", what, error) && ask(&again, "The same again, passphrase", what, error);
    if (worked && !span_equal(span_of(passphrase->text, passphrase->len), span_of(again.text, again.len))) {
        error_set(error, ERROR_INPUT, "the two passphrases are not the same");
        worked = false;
    }
    passphrase_wipe(&again);
    return worked;
}

bool passphrase_get(struct passphrase *passphrase, const char *file, const char *what, bool twice, struct error *error)
{
    *passphrase = (struct passphrase){.len = 0};
    bool worked = file    ? read_file(passphrase, file, error)
                  : twice ? ask_twice(passphrase, what, error)
                          : ask(passphrase, "Passphrase", what, error);
    if (!worked)
        passphrase_wipe(passphrase);
    return worked;
}
