/* crossgate cert key, self-signed, csr: what a server has. */
#include "cert_make.h"

#include "commands.h"

#include <stdlib.h>

/* ---- key */

static bool run_key(struct make *make)
{
    if (!cert_path(make->key, make->cbdir, CERT_SERVER_KEY, make->key_path, &make->error))
        return false;
    make->new_key = true;
    make_add_file(make, make->key_path, OUTPUT_PRIVATE);
    if (!outputs_check(make->files, make->file_count, make->force, &make->error) || !make_key(make) ||
        !make_write(make))
        return false;
    make_announce(make);
    return true;
}

int cert_key(int argc, char **argv)
{
    struct make make = {.names = {.name = "NAME"}};
    const struct option options[] = {
        OPTION_CBDIR(make),
        {"--out", "FILE", "default: " CERT_SERVER_KEY " of the node directory", &make.key, NULL},
        OPTIONS_KEY_KIND(make),
        {"--encrypt", NULL, "with a passphrase, which is asked for; not for servers, which\nstart unattended", NULL,
         &make.encrypt},
        OPTION_PASSPHRASE(make),
        OPTION_FORCE(make),
    };
    const struct usage usage = {
        .command = "cert key",
        .synopsis = "[OPTIONS]",
        .about = "Makes a private key that you alone can read (mode 600 from its first byte).\n",
        .options = options,
        .count = sizeof options / sizeof options[0],
        .examples = "  crossgate cert key                                    # instead of openssl genrsa and chmod\n"
                    "  crossgate cert key --rsa 2048 --out server_key.pem\n"
                    "  crossgate cert key --rsa 4096 --encrypt --out ca_key.pem\n",
    };
    int status;
    if (!make_read(&make, &usage, argc, argv, NULL, &status))
        return status;
    if (make_is_stdout(make.key))
        return option_refuse(&usage, "--out", "-", "a file, and private keys are not printed");
    return make_conclude(&make, run_key(&make));
}

/* ---- self-signed */

static bool run_self_signed(struct make *make)
{
    const char *names[WORDS_MAX];
    struct pki_order order = make_server_order(make, names);
    if (!make_prepare(make, CERT_SERVER_KEY, CERT_SERVER_CERTIFICATE) ||
        !pki_make_certificate(&order, make_span(&make->open_key), &(struct pki_signer){0}, &make->product,
                              &make->error) ||
        !make_write(make))
        return false;
    make_announce(make);
    make_print_configuration(make);
    if (!make_is_stdout(make->out))
        printf("Clients have to be told to trust it:  curl --cacert %s https://%s/\n", make->out_path, names[0]);
    return true;
}

int cert_self_signed(int argc, char **argv)
{
    struct make make = {.names = {.name = "NAME", .least = 1, .most = WORDS_MAX}, .hosts = true};
    const struct option options[] = {
        OPTION_CBDIR(make),
        OPTION_KEY(make, CERT_SERVER_KEY " of the\nnode directory"),
        {"--out", "FILE", "certificate (default: " CERT_SERVER_CERTIFICATE " of the node directory);\n- is stdout",
         &make.out, NULL},
        OPTIONS_KEY_KIND(make),
        OPTION_DAYS(make, SERVER_DAYS, ",\nthe most that all browsers take"),
        OPTION_ORGANIZATION(make),
        OPTION_PASSPHRASE(make),
        OPTION_FORCE(make),
    };
    const struct usage usage = {
        .command = "cert self-signed",
        .synopsis = "NAME... [OPTIONS]",
        .about = "Makes a certificate for a server that signs for itself, and its private key. NAME is what clients\n"
                 "call the server: host names, *.example.com, IP addresses; no ports. For development, intranets and\n"
                 "controlled deployments: browsers warn of it until they are told to trust it.\n",
        .options = options,
        .count = sizeof options / sizeof options[0],
        .words = &make.names,
        .examples = "  crossgate cert self-signed localhost 127.0.0.1 ::1\n"
                    "  crossgate cert self-signed server23.example.com --rsa 2048 --days 365\n"
                    "  crossgate cert self-signed localhost --force          # again, with the key that is there\n",
    };
    int status;
    return make_read(&make, &usage, argc, argv, SERVER_DAYS, &status) ? make_conclude(&make, run_self_signed(&make))
                                                                      : status;
}

/* ---- csr */

static bool run_csr(struct make *make)
{
    const char *names[WORDS_MAX];
    char certificate[PATH_MAX];
    struct pki_order order = make_server_order(make, names);
    if (!make_prepare(make, CERT_SERVER_KEY, CERT_SERVER_REQUEST) ||
        !pki_make_request(&order, make_span(&make->open_key), &make->product, &make->error) || !make_write(make))
        return false;
    make_announce(make);
    if (!cert_path(NULL, make->cbdir, CERT_SERVER_CERTIFICATE, certificate, &make->error))
        return false;
    fprintf(make_voice(make),
            "\nSend the request to an authority, and keep the key. What comes back, in whichever pieces:\n"
            "  crossgate cert chain FILE... --key %s --out %s\n",
            make->key_path, certificate);
    return true;
}

int cert_csr(int argc, char **argv)
{
    struct make make = {.names = {.name = "NAME", .least = 1, .most = WORDS_MAX}, .hosts = true};
    const struct option options[] = {
        OPTION_CBDIR(make),
        OPTION_KEY(make, CERT_SERVER_KEY " of the\nnode directory"),
        {"--out", "FILE", "request (default: " CERT_SERVER_REQUEST " of the node directory);\n- is stdout", &make.out,
         NULL},
        OPTIONS_KEY_KIND(make),
        OPTION_ORGANIZATION(make),
        OPTION_PASSPHRASE(make),
        OPTION_FORCE(make),
    };
    const struct usage usage = {
        .command = "cert csr",
        .synopsis = "NAME... [OPTIONS]",
        .about =
            "Makes a certificate signing request (PKCS#10) for a server's private key, to be sent to an authority.\n"
            "NAME is what clients call the server: host names, *.example.com, IP addresses; no ports.\n",
        .options = options,
        .count = sizeof options / sizeof options[0],
        .words = &make.names,
        .examples = "  crossgate cert csr box1.example.com www.example.com\n"
                    "  crossgate cert csr box1.example.com --key server_key.pem --out server_csr.pem\n"
                    "  crossgate cert csr box1.example.com --out - | crossgate cert show -\n",
    };
    int status;
    return make_read(&make, &usage, argc, argv, NULL, &status) ? make_conclude(&make, run_csr(&make)) : status;
}
