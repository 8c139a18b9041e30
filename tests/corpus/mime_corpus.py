#!/usr/bin/env python3
"""mime_corpus.py DUMP CORPUS: compares what mime/ prints for a corpus with its expected.json.

DUMP holds a JSON object a line, written by src/mime/corpus_test.cc: the file's name, ENVELOPE and
BODYSTRUCTURE in hexadecimal, and the octets of every section. The parser and the normalisation are
those of CORPUS/corpus-diff.py, so that this test and a run against a live server agree. VERBOSE=1
shows values. The last line is 'N passed, N failed'; the exit status is 1 when something failed."""
import json
import os
import re
import sys


def load_normalisation(corpus):
    """The functions of corpus-diff.py, without its part that talks to servers."""
    with open(os.path.join(corpus, 'corpus-diff.py'), encoding='utf-8') as f:
        source = f.read().split('\nraw={}')[0]
    scope = {'__file__': os.path.join(corpus, 'corpus-diff.py'), '__name__': 'corpus_diff'}
    argv, sys.argv = sys.argv, ['corpus-diff.py', os.devnull]
    try:
        exec(compile(source, 'corpus-diff.py', 'exec'), scope)
    finally:
        sys.argv = argv
    return scope


def check_leaves(scope, octets, structure, sections):
    """What the live check does with BODY[n]: octets and lines of every leaf."""
    for name, leaf in scope['leaves'](structure):
        if name not in sections:
            yield f'part {name} is in BODYSTRUCTURE and has no section'
            continue
        offset, size = sections[name]
        part = octets[offset:offset + size]
        if len(part) != leaf[6]:
            yield f'part {name}: BODYSTRUCTURE says {leaf[6]} octets, the section has {len(part)}'
        if scope['low'](leaf[0]) == 'text' and abs(leaf[7] - part.count(b'\n')) > 1:
            yield f'part {name}: {leaf[7]} lines, the section has {part.count(10)}'


def main():
    dump, corpus = sys.argv[1:3]
    scope = load_normalisation(corpus)
    with open(os.path.join(corpus, 'expected.json'), encoding='utf-8') as f:
        want = json.load(f)
    verbose = os.environ.get('VERBOSE')
    passed = failed = 0
    got = {}
    with open(dump, encoding='utf-8') as lines:
        for line in lines:
            entry = json.loads(line)
            name = entry['file']
            with open(os.path.join(corpus, 'messages', name), 'rb') as f:
                octets = re.sub(rb'\r?\n', b'\r\n', f.read())
            wrong = []
            if entry['size'] != len(octets):
                wrong.append(f"size {entry['size']}, is {len(octets)}")
            try:
                values = {}
                for key in ('envelope', 'bodystructure', 'body'):
                    raw = bytes.fromhex(entry[key])
                    values[key], end = scope['parse'](raw)
                    if end != len(raw):
                        wrong.append(f'{key}: octets behind the end')
                wrong += check_leaves(scope, octets, values['bodystructure'], entry['sections'])
                got[name] = {'envelope': values['envelope'],
                             'bodystructure': scope['nbs'](values['bodystructure'])}
            except (ValueError, IndexError, TypeError) as error:
                wrong.append(f'unparsable: {error!r}')
            for reason in wrong:
                failed += 1
                print('FAIL', name, reason)
    for name in sorted(want):
        for key in ('envelope', 'bodystructure'):
            if key not in want[name]:
                continue
            if json.dumps(got.get(name, {}).get(key)) == json.dumps(want[name][key]):
                passed += 1
                continue
            failed += 1
            print('FAIL', name, key.upper())
            if verbose:
                print('   want', json.dumps(want[name][key])[:1500])
                print('   got ', json.dumps(got.get(name, {}).get(key))[:1500])
    print(f'{passed} passed, {failed} failed')
    return failed > 0


if __name__ == '__main__':
    sys.exit(main())
