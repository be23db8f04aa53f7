"""Who is connected, and who gets a thread: the web server's side of slow and hostile peers.

A *peer* is one connection. Its *arrival* is what has come of its next request, which the main
thread gathers in the *waiting room*, where a peer costs a file descriptor and no thread. A request
takes a thread when its head and the first 64 KiB of its body are there. A *large* one, whose body
goes on, also needs room in its *lane*, since its sender may stop at any moment.
"""
