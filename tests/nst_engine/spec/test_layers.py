import pytest

from nst_engine.spec.layers import NETWORKS, ROLES, resolve_columns, resolve_layers


@pytest.mark.parametrize("name", NETWORKS)
def test_every_role_names_a_layer_of_the_network(name: str) -> None:
    info = NETWORKS[name]
    assert set(info.roles) == set(ROLES)
    assert set(info.roles.values()) <= set(info.layers)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_style_roles_go_from_shallow_to_deep(name: str) -> None:
    order = list(NETWORKS[name].layers)
    places = [order.index(NETWORKS[name].roles[f"style{k}"]) for k in range(1, 6)]
    assert places == sorted(set(places))


@pytest.mark.parametrize(
    ("layer", "place"),
    [
        ("conv1_1", 0),
        ("conv2_1", 5),
        ("conv3_1", 10),
        ("conv4_1", 19),
        ("conv4_2", 21),
        ("conv5_1", 28),
        ("relu5_1", 29),
    ],
)
def test_vgg19_has_its_layers_where_torchvision_has_them(layer: str, place: int) -> None:
    assert NETWORKS["vgg19"].layers[layer] == f"features.{place}"


def test_a_preset_made_for_vgg_runs_on_the_layers_of_another_network() -> None:
    found = resolve_layers({"conv1_1": 1.0, "relu3_1": 2.0, "conv5_2": 0.5}, NETWORKS["squeezenet1_1"])
    assert found == {"relu1": 1.0, "fire3": 2.5}  # fire3 is both the third style layer and the content layer


def test_roles_become_the_layers_of_the_network() -> None:
    assert resolve_layers({"style4": 3.0, "content": 1.0}, NETWORKS["vgg16"]) == {"relu4_1": 3.0, "relu4_2": 1.0}


def test_weights_of_names_for_one_layer_add_up() -> None:
    assert resolve_layers({"content": 1.0, "relu4_2": 0.5}, NETWORKS["vgg19"]) == {"relu4_2": 1.5}


def test_a_network_s_own_layers_stay() -> None:
    assert resolve_layers({"layer2_1": 1.0}, NETWORKS["resnet50"]) == {"layer2_1": 1.0}


@pytest.mark.parametrize(
    ("network", "wrong", "nearest"),
    [
        ("vgg19", "conv4-2", "conv4_2"),
        ("squeezenet1_1", "fire12", "fire2"),
        ("inception_v3", "mixed_5d", "Mixed_5d"),
        ("vgg19", "contents", "content"),
    ],
)
def test_an_unknown_layer_is_refused_with_the_nearest_one(network: str, wrong: str, nearest: str) -> None:
    with pytest.raises(ValueError, match=f"{network} has no layer '{wrong}'; did you mean '{nearest}'"):
        resolve_layers({wrong: 1.0}, NETWORKS[network])


def test_vgg16_has_no_fourth_convolution_to_stand_in_for() -> None:
    with pytest.raises(ValueError, match="did you mean"):
        resolve_layers({"conv3_4": 1.0}, NETWORKS["vgg16"])


@pytest.mark.parametrize("model", NETWORKS)
def test_hypercolumns_exist_on_every_network(model: str) -> None:
    info = NETWORKS[model]
    assert list(resolve_columns({"hypercolumn": 0.5}, info).items()) == [(name, 0.5) for name in info.hypercolumn]
    assert set(info.hypercolumn) <= set(info.layers)


def test_a_hypercolumn_s_layers_go_from_shallow_to_deep_after_the_pixels() -> None:
    found = resolve_columns({"style4": 2.0, "relu1_2": 1.0, "rgb": 0.3}, NETWORKS["vgg16"])
    assert list(found.items()) == [("rgb", 0.3), ("relu1_2", 1.0), ("relu4_1", 2.0)]


def test_layers_of_vgg_in_a_hypercolumn_become_the_style_layers_of_other_networks() -> None:
    found = resolve_columns({"relu1_1": 1.0, "relu3_1": 1.0, "relu3_3": 2.0}, NETWORKS["squeezenet1_1"])
    assert found == {"relu1": 1.0, "fire3": 2.0}


def test_a_layer_with_factor_0_is_not_part_of_a_hypercolumn() -> None:
    assert resolve_columns({"rgb": 0.0, "style1": 1.0}, NETWORKS["lite"]) == {"relu1_1": 1.0}
