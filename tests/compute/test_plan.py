import chainrule as cr
from chainrule.compute.passes import prepared
from chainrule.compute.plan import Loop, plan


def test_a_loop_writes_where_it_has_read_for_the_last_time():
    X, W, U, V = (cr.matrix(*a) for a in (("X", "n", 4), ("W", 4, 20), ("U", 20, 2), ("V", 20, 3)))
    z = X @ W
    h, g = cr.tanh(z), cr.exp(-cr.sin(z) * z)  # both are stored, being operands of products
    (a, b) = prepared([h @ U, g @ V])
    made = plan([a, b], [X, W, U, V])
    z, h, g = a.inputs[0].inputs[0], a.inputs[0], b.inputs[0]
    (loop,) = (step for step in made.steps if isinstance(step, Loop))
    assert loop.entries.index(h) < loop.entries.index(g)
    assert made.buffers[g] == made.buffers[z]
    assert made.buffers[h] != made.buffers[z]
    assert len(made.memory) == 2


def test_what_is_read_at_another_place_keeps_its_memory():
    X, W, U = (cr.matrix(*a) for a in (("X", 20, 4), ("W", 4, 20), ("U", 20, 2)))
    z = X @ W
    (a,) = prepared([cr.tanh(z + z.T) @ U])
    made = plan([a], [X, W, U])
    assert len(made.memory) == 2
    assert len(set(made.buffers.values())) == 2
