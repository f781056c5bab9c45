from isorep.activations.layouts.axes import (
    NO,
    SAMPLES,
    YES,
    Origin,
    Part,
    feature_of,
    joined,
    length,
    new_axis,
    reshaped,
    resized,
    with_feature,
    with_features_on,
)

N = (Part(4, SAMPLES),)


def axis(size, feature=NO):
    return (Part(size, Origin(), feature),)


def sizes(axes):
    return [[part.size for part in axis] for axis in axes]


def test_axes_are_joined_and_split_row_major():
    tokens, features = axis(6), axis(8, YES)
    flat = reshaped((N, tokens, features), [24, 8])
    assert flat == ((*N, *tokens), features)
    assert reshaped(flat, [4, 6, 8]) == (N, tokens, features)
    assert reshaped(flat, [24, 2, 4])[0] == (*N, *tokens)
    assert reshaped((N, tokens, features), [4, 1, 6, 1, 8]) == (N, (), tokens, (), features)


def test_pieces_of_an_axis_know_their_whole_and_become_it_again():
    features = axis(8, YES)
    _, heads, within = split = reshaped((N, features), [4, 2, 4])
    assert sizes(split) == [[4], [2], [4]]
    assert feature_of(heads) == feature_of(within) == YES
    assert heads[0].is_split_from(within[0])
    assert not heads[0].is_split_from(axis(4, YES)[0])
    assert reshaped(split, [4, 8]) == (N, features)
    turned = reshaped((N, within, heads), [4, 8])
    assert turned[1] == (*within, *heads)
    twice = reshaped((N, axis(24, YES)), [4, 3, 2, 4])
    assert twice[1][0].is_split_from(twice[3][0])
    assert sizes(reshaped(twice, [4, 3, 8])) == [[4], [3], [8]]
    assert sizes(reshaped(twice, [4, 24])) == [[4], [24]]


def test_windows_of_a_map_and_back():
    height, width, features = axis(6), axis(6), axis(5, YES)
    split = reshaped((N, height, width, features), [4, 2, 3, 2, 3, 5])
    windows = tuple(split[k] for k in (0, 1, 3, 2, 4, 5))
    flat = reshaped(windows, [16, 9, 5])
    assert sizes(flat) == [[4, 2, 2], [3, 3], [5]]
    assert flat[0][0].origin is SAMPLES
    back = reshaped(flat, [4, 2, 2, 3, 3, 5])
    back = reshaped(tuple(back[k] for k in (0, 1, 3, 2, 4, 5)), [4, 6, 6, 5])
    assert back == (N, height, width, features)


def test_an_uneven_split_is_unknown_from_there_on():
    tokens, features = axis(6), axis(4, YES)
    first, second, third = reshaped((N, tokens, features), [4, 4, 6])
    assert first == N
    assert feature_of(second) == feature_of(third) == NO
    assert second[0].origin.descends_from(tokens[0].origin)


def test_an_axis_whose_length_changes_descends_from_it():
    tokens = axis(6)
    cut = resized(tokens, 5)
    assert length(cut) == 5
    assert cut[0].origin.descends_from(tokens[0].origin)
    assert not tokens[0].origin.descends_from(cut[0].origin)
    assert resized(tokens, 6) is tokens


def test_features_of_a_sum_are_those_of_both():
    tokens, features = axis(6), axis(8, YES)
    x = (N, tokens, features)
    mixed = with_features_on(x, 1, new_axis(6, tokens, feature=YES))
    assert feature_of(mixed[1]) == YES
    assert NO < feature_of(mixed[2]) < YES
    for operands in ([x, mixed], [mixed, x]):
        total = joined(operands, [4, 6, 8])
        assert [feature_of(a) for a in total] == [NO, NO, YES]
    assert mixed[1][0].origin.is_position
    assert mixed[1][0].origin.root is tokens[0].origin.root


def test_of_features_of_the_past_the_latest_count():
    first = with_features_on((N, axis(6, YES), axis(8)), 2, axis(8, YES))
    mixed = with_features_on(first, 1, axis(6, YES))
    assert NO < feature_of(first[1]) < feature_of(mixed[2]) < YES
    total = joined([first, mixed], [4, 6, 8])
    assert feature_of(total[2]) == YES
    assert feature_of(total[1]) < YES


def test_an_operand_that_is_broadcast_says_nothing_of_the_axes_it_lacks():
    tokens, features = axis(6), axis(8, YES)
    gate = (N, (), with_feature(axis(8), YES))
    assert joined([(N, tokens, features), gate], [4, 6, 8]) == (N, tokens, features)
    per_token = (N, axis(6, YES), ())
    total = joined([(N, tokens, features), per_token], [4, 6, 8])
    assert [feature_of(a) for a in total] == [NO, NO, YES]
    assert joined([features and (features,), (N, tokens, axis(8))], [4, 6, 8])[2][0].feature == YES


def test_features_elsewhere_in_the_tensor_keep_those_of_the_past_in_the_past():
    past = with_features_on((axis(3, YES), axis(8)), 1, axis(8, YES))[0]
    assert feature_of(joined([(N, past)], [4, 3])[1]) == YES
    assert feature_of(joined([(N, past)], [4, 3], others=YES)[1]) < YES


def test_samples_are_never_united_with_another_axis():
    other = axis(4)
    total = joined([(N, axis(5)), (other, axis(5))], [4, 5])
    assert total[0] == N
    assert other[0].origin.root is not SAMPLES
