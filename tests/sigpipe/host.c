/* A program whose SIGPIPE is at its default, as any but a Rust program has it. */
#include <signal.h>
#include <stdio.h>

int send_to_departed(const char *transport, const char *role, const char *size, const char *folder);

int main(int argc, char **argv) {
    if (argc != 5) {
        fputs("usage: host tcp|unix|tls server|client|hub SIZE FOLDER\n", stderr);
        return 2;
    }
    /* Not even what the shell left behind. */
    signal(SIGPIPE, SIG_DFL);
    return send_to_departed(argv[1], argv[2], argv[3], argv[4]);
}
