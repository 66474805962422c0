#!/usr/bin/env bash
# Makes the certificates of the tests over TLS: certificates.sh FOLDER PASSWORD. Needs the openssl command.
#
# authority.pem signs right, wrong_host, expired, client and common_name; other_authority.pem signs unknown_authority. Of each there is
# NAME.pem (the certificate), NAME.key (PKCS#8) and NAME.p12.
set -euo pipefail

cd "$1"
password=$2
key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)

authority() {
    openssl req -x509 "${key[@]}" -keyout "$1.key" -out "$1.pem" -days 30 -subj "/CN=stdws tests, $1" \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign
}

# issue NAME AUTHORITY ALTERNATIVE_NAMES VALIDITY...
issue() {
    local name=$1 authority=$2 names=$3
    shift 3
    openssl req "${key[@]}" -keyout "$name.key" -out "$name.csr" -subj "/CN=stdws tests, $name"
    printf 'subjectAltName=%s\nbasicConstraints=CA:FALSE\n' "$names" >"$name.ext"
    openssl x509 -req -in "$name.csr" -CA "$authority.pem" -CAkey "$authority.key" -CAcreateserial \
        -extfile "$name.ext" "$@" -out "$name.pem"
    openssl pkcs12 -export -in "$name.pem" -inkey "$name.key" -certfile "$authority.pem" -passout "pass:$password" -out "$name.p12"
}

# issue_by_common_name NAME AUTHORITY HOST: without alternative names.
issue_by_common_name() {
    openssl req "${key[@]}" -keyout "$1.key" -out "$1.csr" -subj "/CN=$3"
    openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -days 10 -out "$1.pem"
    openssl pkcs12 -export -in "$1.pem" -inkey "$1.key" -certfile "$2.pem" -passout "pass:$password" -out "$1.p12"
}

here=DNS:localhost,IP:127.0.0.1,IP:::1
authority authority
authority other_authority
issue right authority "$here" -days 10
issue client authority "DNS:client.example" -days 10
issue_by_common_name common_name authority localhost
issue wrong_host authority DNS:elsewhere.example -days 10
issue unknown_authority other_authority "$here" -days 10
# Older releases take a negative number of days, newer ones dates.
issue expired authority "$here" -days -1 ||
    issue expired authority "$here" -not_before 20200101000000Z -not_after 20200201000000Z
